import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { drawn, mayDraw, pictureBox, pointIn, type Boards } from '../src/call/marks.ts'
import { climb, DOWN_AFTER, GRADES, levelOf, measure, TOP, UP_AFTER, type Figures, type Ladder } from '../src/call/quality.ts'
import type { CallMark } from '../src/wire.ts'
import { aCall, somebody } from './callWorld.ts'

const figures = (more: Partial<Figures> = {}, sentLoss = 0): Figures => ({
  roundTripMs: 40,
  sent: { kbps: 1_000, loss: sentLoss, jitter_ms: 5 },
  received: { kbps: 1_000, loss: 0, jitter_ms: 5 },
  availableKbps: 2_000,
  sentFrames: 30,
  silent: false,
  ...more,
})

describe('quality', () => {
  it('is the difference of two counts', () => {
    const stats = (scale: number) => [
      { type: 'outbound-rtp', kind: 'video', bytesSent: 125_000 * scale, framesEncoded: 25 * scale, framesPerSecond: 30, frameWidth: 1280, frameHeight: 720 },
      { type: 'outbound-rtp', kind: 'audio', bytesSent: 4_000 * scale },
      { type: 'remote-inbound-rtp', fractionLost: 0.02, jitter: 0.004, roundTripTime: 0.2 },
      {
        type: 'inbound-rtp', kind: 'video', bytesReceived: 62_500 * scale, packetsReceived: 95 * scale, packetsLost: 5 * scale,
        jitter: 0.01, freezeCount: scale, totalFreezesDuration: scale * 0.4, framesPerSecond: 24, frameWidth: 640, frameHeight: 480,
      },
      { type: 'inbound-rtp', kind: 'video', bytesReceived: 0, packetsReceived: 0, packetsLost: 0 },
      { type: 'candidate-pair', id: 'p1', nominated: true, state: 'succeeded', bytesReceived: 9 * scale, currentRoundTripTime: 0.05 },
      { type: 'candidate-pair', id: 'p2', nominated: false, state: 'succeeded', bytesReceived: 1_000, currentRoundTripTime: 9 },
    ]
    const first = measure(null, stats(1), 1_000)
    expect(first.figures).toBe(null)
    expect(measure(first.counts, stats(2), 2_000).figures).toEqual({
      roundTripMs: 50,
      sent: { kbps: 1_032, loss: 0.02, jitter_ms: 4, fps: 30, width: 1280, height: 720 },
      received: { kbps: 500, loss: 0.05, jitter_ms: 10, fps: 24, width: 640, height: 480, freezes: 1, frozen_ms: 400 },
      availableKbps: null,
      sentFrames: 25,
      silent: false,
    })
    expect(measure(first.counts, stats(1), 2_000).figures).toMatchObject({ silent: true })
  })

  it('hears what comes over any of its paths, and takes the round trip of the one that is used', () => {
    const pair = (id: string, bytesReceived: number, responsesReceived: number, currentRoundTripTime: number) => ({
      type: 'candidate-pair', id, nominated: true, state: 'succeeded', bytesReceived, responsesReceived, currentRoundTripTime,
    })
    const chosen = { type: 'transport', selectedCandidatePairId: 'b' }
    const { counts } = measure(null, [pair('a', 90_000, 5, 0.02), pair('b', 0, 5, 0.04), pair('c', 0, 5, 2), chosen], 0)
    const figures = (...now: Parameters<typeof pair>[]) => measure(counts, [...now.map((one) => pair(...one)), chosen], 1_000).figures
    const [a, b, c] = [['a', 90_000, 5, 0.02], ['b', 0, 5, 0.04], ['c', 0, 5, 2]] as const
    expect(figures([...a], [...b], [...c])).toMatchObject({ silent: true, roundTripMs: 40 })
    expect(figures([...a], ['b', 28, 5, 0.04], [...c])).toMatchObject({ silent: false })
    expect(figures(['a', 90_028, 5, 0.02], [...b], [...c]), 'still over the former one').toMatchObject({ silent: false })
    expect(figures(['b', 28, 5, 0.04]), 'the former one is not counted any more').toMatchObject({ silent: false })
    expect(figures([...a], ['b', 0, 6, 0.04], [...c]), 'the used one is answered').toMatchObject({ silent: false })
    expect(figures([...a], [...b], ['c', 0, 6, 2]), 'an answer over another says nothing of it').toMatchObject({ silent: true })
  })

  it('takes the round trip of the pair that the browser calls selected, where it has no transport', () => {
    const pairs = [0.04, 2].map((currentRoundTripTime, at) => ({
      type: 'candidate-pair', id: `${at}`, nominated: true, state: 'succeeded', selected: at === 0, bytesReceived: 1, currentRoundTripTime,
    }))
    expect(measure(measure(null, pairs, 0).counts, pairs, 1_000).figures).toMatchObject({ roundTripMs: 40 })
  })

  it('stays within the bounds of the wire, whatever the browser counts', () => {
    const first = measure(null, [], 0)
    const wild = [
      { type: 'outbound-rtp', kind: 'video', bytesSent: 1e15, framesPerSecond: 1e9, frameWidth: 1e9 },
      { type: 'inbound-rtp', kind: 'audio', packetsReceived: -5, packetsLost: -9, bytesReceived: NaN, jitter: Infinity },
      { type: 'remote-inbound-rtp', fractionLost: 7, roundTripTime: 1e6 },
    ]
    expect(measure(first.counts, wild, 1_000).figures).toMatchObject({
      roundTripMs: 60_000,
      sent: { kbps: 100_000, loss: 1, fps: 240, width: 8_192 },
      received: { kbps: 0, loss: 0, jitter_ms: 0 },
    })
  })

  it('has a word', () => {
    expect(levelOf(figures())).toBe('good')
    expect(levelOf(figures({}, 0.05))).toBe('fair')
    expect(levelOf(figures({ roundTripMs: 900 }))).toBe('poor')
    const frozen = (frozen_ms: number) => levelOf(figures({ received: { kbps: 1_000, loss: 0, jitter_ms: 5, frozen_ms } }))
    expect([200, 201, 2_000, 2_001].map(frozen)).toEqual(['good', 'fair', 'fair', 'poor'])
  })

  it('has the word here that it has at the desk', () => {
    const grading = readFileSync(new URL('../../../media/grading.py', import.meta.url), 'utf8')
    const grade = (name: string) => Number(new RegExp(`^${name}: Final = ([\\d_.]+)$`, 'm').exec(grading)?.[1]?.replace('_', ''))
    expect(GRADES).toEqual({
      loss: { fair: grade('LOSS_FAIR'), poor: grade('LOSS_POOR') },
      roundTripMs: { fair: grade('ROUND_TRIP_FAIR_MS'), poor: grade('ROUND_TRIP_POOR_MS') },
      frozenMs: { fair: grade('FROZEN_FAIR_MS'), poor: grade('FROZEN_POOR_MS') },
    })
  })
})

describe('the ladder', () => {
  const run = (ladder: Ladder, seconds: number, of: Figures): Ladder => {
    let now = ladder
    for (let second = 0; second < seconds; second++) now = climb(now, of)
    return now
  }
  const bad = figures({}, 0.3)

  it('comes down a step for every few bad seconds, to sound alone', () => {
    expect(run(TOP, DOWN_AFTER - 1, bad).step).toBe('full')
    expect(run(TOP, DOWN_AFTER, bad).step).toBe('low_resolution')
    expect(run(TOP, 2 * DOWN_AFTER, bad).step).toBe('low_rate')
    expect(run(TOP, 3 * DOWN_AFTER, bad).step).toBe('stills')
    expect(run(TOP, 10 * DOWN_AFTER, bad).step).toBe('audio_only')
  })

  it('goes up again by itself, more slowly each time that was too early', () => {
    const low = run(TOP, DOWN_AFTER, bad)
    const up = run(low, UP_AFTER, figures())
    expect(up.step).toBe('full')
    const again = run(up, DOWN_AFTER, bad)
    expect(again).toMatchObject({ step: 'low_resolution', upAfter: 2 * UP_AFTER })
    expect(run(again, UP_AFTER, figures()).step).toBe('low_resolution')
    expect(run(again, 2 * UP_AFTER, figures()).step).toBe('full')
  })

  it('comes down when the path carries too little, but not for a dead path', () => {
    expect(run(TOP, DOWN_AFTER, figures({ availableKbps: 100 })).step).toBe('low_resolution')
    expect(run(TOP, 20, figures({ silent: true, availableKbps: 0 }))).toEqual(TOP)
  })
})

describe('marks', () => {
  const on = { of: 'buyer', frame_at: 1_000 }
  const play = (...marks: [CallMark, by: string][]): Boards =>
    marks.reduce((boards, [mark, participant_id]) => drawn(boards, { mark, participant_id, at: 5 }), {} as Boards)

  it('drawn by hand go on under their id, for the same hand', () => {
    const board = play(
      [{ ...on, shape: 'freehand', mark_id: 'a', points: [{ x: 0, y: 0 }] }, 'agent'],
      [{ ...on, shape: 'freehand', mark_id: 'a', points: [{ x: 1, y: 1 }] }, 'agent'],
    )['buyer']!
    expect(board.shapes).toMatchObject([{ points: [{ x: 0, y: 0 }, { x: 1, y: 1 }] }])
  })

  it('are taken back by their own hand alone, and cleared by anybody', () => {
    const arrow = { ...on, shape: 'arrow', mark_id: 'a', start: { x: 0, y: 0 }, end: { x: 1, y: 1 } } as const
    const undo = { ...on, shape: 'undo', mark_id: 'b', undone: 'a' } as const
    expect(play([arrow, 'agent'], [undo, 'guest'])['buyer']!.shapes).toHaveLength(1)
    expect(play([arrow, 'agent'], [undo, 'agent'])['buyer']!.shapes).toHaveLength(0)
    expect(play([arrow, 'agent'], [{ ...on, shape: 'clear', mark_id: 'c' }, 'buyer'])['buyer']!.shapes).toHaveLength(0)
    expect(play([arrow, 'agent'], [arrow, 'agent'])['buyer']!.shapes).toHaveLength(1)
  })

  it('hold the picture and let it go, and leave other pictures alone', () => {
    const held = play([{ ...on, shape: 'freeze', mark_id: 'a', picture: '/9j/1' }, 'agent'])
    expect(held['buyer']!.held).toBe('/9j/1')
    expect(held['agent']).toBeUndefined()
    const free = play([{ ...on, shape: 'freeze', mark_id: 'a', picture: '/9j/1' }, 'agent'], [{ ...on, shape: 'unfreeze', mark_id: 'b' }, 'agent'])
    expect(free['buyer']!.held).toBe(null)
  })

  it('show one pointer for each hand, for a moment', () => {
    const pointer = (x: number): CallMark => ({ ...on, shape: 'pointer', mark_id: `p${x}`, points: [{ x, y: 0 }] })
    const board = play([pointer(0), 'agent'], [pointer(1), 'agent'], [pointer(0.5), 'guest'])['buyer']!
    expect(board.pointers).toEqual([
      { participantId: 'agent', points: [{ x: 1, y: 0 }], until: 1_505 },
      { participantId: 'guest', points: [{ x: 0.5, y: 0 }], until: 1_505 },
    ])
  })

  it('lie on the picture, however it fills its element', () => {
    const wide = { width: 1280, height: 720 }
    const tile = { width: 100, height: 200 }
    expect(pictureBox(wide, tile, 'contain')).toEqual({ left: 0, top: 71.875, width: 100, height: 56.25 })
    const cover = pictureBox(wide, tile, 'cover')
    expect(cover.height).toBe(200)
    expect(pointIn(cover, 50, 100)).toEqual({ x: 0.5, y: 0.5 })
    expect(pointIn(pictureBox(wide, tile, 'contain'), 50, 10)).toBe(null)
  })

  it('are for those whom all hear', () => {
    const call = aCall({
      participants: [
        somebody('agent', { state: 'joined' }),
        somebody('guest', { state: 'invited' }),
        somebody('supervisor', { state: 'joined', mode: 'whisper' }),
      ],
    })
    expect(['agent', 'guest', 'supervisor', 'nobody'].map((id) => mayDraw(call, id))).toEqual([true, false, false, false])
  })
})
