import { afterEach, describe, expect, it, vi } from 'vitest'
import { HELD_PICTURE_MOST, ageOf, pictureOf } from '../src/effects/frames.ts'
import { fileOf } from './standin/repository.ts'

afterEach(() => vi.restoreAllMocks())

describe('the frame in sight', () => {
  it('is as old as its camera says, else as its coming in, else new', () => {
    expect(ageOf({ captureTime: 700, receiveTime: 900 }, 1_000)).toBe(100)
    expect(ageOf({ receiveTime: 900 }, 1_000)).toBe(100)
    expect(ageOf({ captureTime: 1_200 }, 1_000)).toBe(0)
    expect(ageOf({}, 1_000)).toBe(0)
    expect(ageOf(null, 1_000)).toBe(0)
  })

  it('is sent in the best form that is short enough', () => {
    const video = { videoWidth: 1280, videoHeight: 720 } as HTMLVideoElement
    const tried: string[] = []
    const lengths = [HELD_PICTURE_MOST + 1, HELD_PICTURE_MOST]
    vi.spyOn(HTMLCanvasElement.prototype, 'toDataURL').mockImplementation(function (this: HTMLCanvasElement, _type, quality) {
      tried.push(`${this.width}x${this.height} ${quality}`)
      return `data:image/jpeg;base64,${'A'.repeat(lengths[tried.length - 1]!)}`
    })
    expect(pictureOf(video)).toHaveLength(HELD_PICTURE_MOST)
    expect(tried).toEqual(['960x540 0.75', '960x540 0.55'])
  })

  it('is none before the first', () => {
    expect(pictureOf({ videoWidth: 0, videoHeight: 0 } as HTMLVideoElement)).toBe(null)
  })

  it('has the limit of the wire', () => {
    expect(fileOf('protocol/call.py')).toContain('HELD_PICTURE_MOST = 60_000')
  })
})
