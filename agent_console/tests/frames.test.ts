import { describe, expect, it } from 'vitest'
import { frameTime } from '../src/effects/frames.ts'

describe('the picture’s own time', () => {
  it('is counted from its first frame, by the video clock of RTP, over its wrap', () => {
    expect(frameTime({ mediaTime: 3, rtpTimestamp: 1_000 }, { mediaTime: 9, rtpTimestamp: 91_000 })).toBe(1_000)
    expect(frameTime({ mediaTime: 0, rtpTimestamp: 2 ** 32 - 45_000 }, { mediaTime: 0, rtpTimestamp: 45_000 })).toBe(1_000)
  })

  it('is told by the media time where the browser knows no RTP', () => {
    expect(frameTime({ mediaTime: 1.5 }, { mediaTime: 2 })).toBe(500)
    expect(frameTime({ mediaTime: 2 }, { mediaTime: 1 })).toBe(0)
  })
})
