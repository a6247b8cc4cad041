import type { Flow, Participant, QualityReport } from '../wire.ts'

/** One's own connection in a word; 'lost' is what others say of who is away. */
export type Level = Exclude<NonNullable<Participant['level']>, 'lost'>
export type Step = QualityReport['step']

/** What is read from `RTCPeerConnection.getStats` (W3C webrtc-stats), of all its entries. */
export type Stats = Iterable<Entry>
type Entry = Readonly<Record<string, unknown>> & { readonly type: string }

/** Counts at one instant; what is told is the difference of two. */
export interface Counts {
  readonly at: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly received: number
  readonly lost: number
  readonly freezes: number
  readonly frozenS: number
  /** Frames of one's own picture; null where the browser does not count them. */
  readonly sentFrames: number | null
  /** What came over each path, by its id, so that a dead one shows. */
  readonly arrived: ReadonlyMap<string, number>
}

export interface Measured {
  readonly counts: Counts
  /** null with the first counts: a difference needs two. */
  readonly figures: Figures | null
}
export interface Figures {
  readonly roundTripMs: number | null
  readonly sent: Flow
  readonly received: Flow
  /** What the path is believed to carry, in kbit/s; null where the browser does not say. */
  readonly availableKbps: number | null
  /** Frames of one's own picture since the last counts; null where the browser does not count them. */
  readonly sentFrames: number | null
  /** Nothing at all arrived since the last counts. */
  readonly silent: boolean
}

const num = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
const capped = (value: number, most: number): number => Math.round(Math.min(most, Math.max(0, value)))
const share = (value: number): number => Math.min(1, Math.max(0, value))

/** The figures between `before` and these stats; `at` in ms. */
export function measure(before: Counts | null, stats: Stats, at: number): Measured {
  const entries = [...stats]
  const used = usedPath(entries)
  const arrived = new Map<string, number>()
  let [sentBytes, receivedBytes, received, lost, freezes, frozenS] = [0, 0, 0, 0, 0, 0]
  let [sentLoss, sentJitter, receivedJitter] = [0, 0, 0]
  let roundTrip: number | null = null
  let available: number | null = null
  let sentFrames: number | null = null
  const sentPicture = { fps: 0, width: 0, height: 0 }
  const receivedPicture = { fps: 0, width: 0, height: 0 }
  for (const entry of entries) {
    switch (entry.type) {
      case 'outbound-rtp':
        sentBytes += num(entry['bytesSent'])
        if (entry['kind'] !== 'video') break
        largest(sentPicture, entry)
        if (typeof entry['framesEncoded'] === 'number') sentFrames = (sentFrames ?? 0) + num(entry['framesEncoded'])
        break
      case 'remote-inbound-rtp':
        sentLoss = Math.max(sentLoss, num(entry['fractionLost']))
        sentJitter = Math.max(sentJitter, num(entry['jitter']))
        if (typeof entry['roundTripTime'] === 'number') roundTrip ??= entry['roundTripTime']
        break
      case 'inbound-rtp':
        receivedBytes += num(entry['bytesReceived'])
        received += num(entry['packetsReceived'])
        lost += num(entry['packetsLost'])
        receivedJitter = Math.max(receivedJitter, num(entry['jitter']))
        freezes += num(entry['freezeCount'])
        frozenS += num(entry['totalFreezesDuration'])
        if (entry['kind'] === 'video') largest(receivedPicture, entry)
        break
      case 'candidate-pair':
        arrived.set(String(entry['id']), num(entry['bytesReceived']) + (used(entry) ? num(entry['responsesReceived']) : 0))
        if (!used(entry)) break
        if (typeof entry['currentRoundTripTime'] === 'number') roundTrip = entry['currentRoundTripTime']
        if (typeof entry['availableOutgoingBitrate'] === 'number') available = entry['availableOutgoingBitrate']
        break
    }
  }
  const counts = { at, sentBytes, receivedBytes, received, lost, freezes, frozenS, sentFrames, arrived }
  if (!before || at <= before.at) return { counts, figures: null }
  const ms = at - before.at
  const missed = Math.max(0, lost - before.lost)
  const came = Math.max(0, received - before.received)
  const figures: Figures = {
    roundTripMs: roundTrip === null ? null : capped(roundTrip * 1000, 60_000),
    sent: {
      kbps: capped((8 * (sentBytes - before.sentBytes)) / ms, 100_000),
      loss: share(sentLoss),
      jitter_ms: capped(sentJitter * 1000, 60_000),
      ...sentPicture,
    },
    received: {
      kbps: capped((8 * (receivedBytes - before.receivedBytes)) / ms, 100_000),
      loss: missed + came === 0 ? 0 : share(missed / (missed + came)),
      jitter_ms: capped(receivedJitter * 1000, 60_000),
      ...receivedPicture,
      freezes: capped(freezes - before.freezes, 1_000_000),
      frozen_ms: capped((frozenS - before.frozenS) * 1000, 60_000),
    },
    availableKbps: available === null ? null : Math.round(available / 1000),
    sentFrames: sentFrames === null || before.sentFrames === null ? null : Math.max(0, sentFrames - before.sentFrames),
    // A path that is not there any more takes with it what it has carried.
    silent: ![...arrived].some(([id, count]) => count > (before.arrived.get(id) ?? 0)),
  }
  return { counts, figures }
}

/** Which candidate pair carries the media: the browser goes from one to another and has nominated each. */
function usedPath(entries: readonly Entry[]): (pair: Entry) => boolean {
  const transport = entries.find((entry) => entry.type === 'transport' && typeof entry['selectedCandidatePairId'] === 'string')
  if (transport) return (pair) => pair['id'] === transport['selectedCandidatePairId']
  // Firefox has no transport there and says it of the pair.
  if (entries.some((entry) => entry['selected'] === true)) return (pair) => pair['selected'] === true
  return (pair) => pair['nominated'] === true && pair['state'] === 'succeeded'
}

/** Of several pictures the one with the most frames speaks for all. */
function largest(picture: { fps: number; width: number; height: number }, entry: Readonly<Record<string, unknown>>): void {
  const fps = capped(num(entry['framesPerSecond']), 240)
  if (fps < picture.fps || (fps === 0 && picture.width > 0)) return
  picture.fps = fps
  picture.width = capped(num(entry['frameWidth']), 8_192)
  picture.height = capped(num(entry['frameHeight']), 8_192)
}

/** From where on a connection is fair, and poor. Why these: media/grading.py, which grades the same at the desk. */
export const GRADES = {
  loss: { fair: 0.03, poor: 0.1 },
  roundTripMs: { fair: 300, poor: 800 },
  frozenMs: { fair: 200, poor: 2_000 },
} as const

/** One's own connection in a word: the worst that any of its figures has earned. */
export function levelOf({ roundTripMs, sent, received }: Figures): Level {
  const now = { loss: Math.max(sent.loss, received.loss), roundTripMs: roundTripMs ?? 0, frozenMs: received.frozen_ms ?? 0 }
  const beyond = (grade: 'fair' | 'poor') => (Object.keys(GRADES) as (keyof typeof GRADES)[]).some((of) => now[of] > GRADES[of][grade])
  return beyond('poor') ? 'poor' : beyond('fair') ? 'fair' : 'good'
}

/** How one sends on a step: parts of the picture's size, bit/s, frames a second. */
export interface Sending {
  readonly active: boolean
  readonly scaleResolutionDownBy: number
  readonly maxBitrate: number
  readonly maxFramerate: number
}
export const SENDING: Readonly<Record<Step, Sending>> = {
  full: { active: true, scaleResolutionDownBy: 1, maxBitrate: 1_500_000, maxFramerate: 30 },
  low_resolution: { active: true, scaleResolutionDownBy: 2, maxBitrate: 400_000, maxFramerate: 20 },
  low_rate: { active: true, scaleResolutionDownBy: 2, maxBitrate: 150_000, maxFramerate: 8 },
  // Some 10 kbit/s in Chromium; fewer than one frame a second it takes for none.
  stills: { active: true, scaleResolutionDownBy: 2, maxBitrate: 60_000, maxFramerate: 1 },
  audio_only: { active: false, scaleResolutionDownBy: 2, maxBitrate: 150_000, maxFramerate: 8 },
}
/** Each asks less of the path than the one before; a picture a second costs what it carries, so the voice comes last
 *  and alone. Where that stands, pictures are offered one by one (the shot list). */
const RUNGS: readonly Step[] = ['full', 'low_resolution', 'low_rate', 'stills', 'audio_only']

/** Bad seconds in a row before one comes down. */
export const DOWN_AFTER = 3
/** Good seconds in a row before one goes up again; doubled each time when going up was too early. */
export const UP_AFTER = 8
export const UP_AFTER_MOST = 64
/** Coming down this soon after going up says that it was too early. */
export const TOO_EARLY = 15

/** Where a sender stands on the ladder; counts are seconds. */
export interface Ladder {
  readonly step: Step
  readonly bad: number
  readonly good: number
  readonly upAfter: number
  /** Seconds since one last went up. */
  readonly sinceUp: number
}
export const TOP: Ladder = { step: 'full', bad: 0, good: 0, upAfter: UP_AFTER, sinceUp: Infinity }

/** Below this the step asks for more than the path carries, in kbit/s. */
const LEAST_KBPS: Readonly<Record<Step, number>> = { full: 250, low_resolution: 120, low_rate: 60, stills: 30, audio_only: 0 }

/** The ladder a second later: down when it goes badly, up again by itself when it goes well. */
export function climb(ladder: Ladder, { sent, roundTripMs, availableKbps, silent }: Figures): Ladder {
  // A dead path is no reason to send less: the leg is opened anew.
  if (silent) return ladder
  const starved = availableKbps !== null && availableKbps < LEAST_KBPS[ladder.step]
  const isBad = sent.loss > 0.12 || (roundTripMs ?? 0) > 1_200 || starved
  const isGood = sent.loss < 0.03 && (roundTripMs ?? 0) < 500 && !starved
  const bad = isBad ? ladder.bad + 1 : 0
  const good = isGood ? ladder.good + 1 : 0
  const sinceUp = ladder.sinceUp + 1
  const place = RUNGS.indexOf(ladder.step)
  if (bad >= DOWN_AFTER && place < RUNGS.length - 1) {
    const upAfter = sinceUp <= TOO_EARLY ? Math.min(UP_AFTER_MOST, ladder.upAfter * 2) : ladder.upAfter
    return { step: RUNGS[place + 1]!, bad: 0, good: 0, upAfter, sinceUp: Infinity }
  }
  if (good >= ladder.upAfter && place > 0) {
    return { step: RUNGS[place - 1]!, bad: 0, good: 0, upAfter: ladder.upAfter, sinceUp: 0 }
  }
  const steady = place === 0 && good >= UP_AFTER_MOST
  return { step: ladder.step, bad, good, upAfter: steady ? UP_AFTER : ladder.upAfter, sinceUp }
}
