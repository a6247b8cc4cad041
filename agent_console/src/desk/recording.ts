/** A recording's one time line, in milliseconds from its beginning: what was said, drawn and agreed to when. Pure. */

import type { MarkEntry, PublicEntry, RecordingPause, RecordingSide, RecordingSummary, RecordingView } from '@livedesk/protocol'
import { drawn, type Boards } from '@livedesk/protocol/call/marks.ts'

export type RecordingStage = RecordingSummary['state']
export type RecordingCode = NonNullable<RecordingSummary['code']>

interface Base {
  readonly key: string
  /** Where it stands on the time line. */
  readonly at: number
  readonly name: string
}
export interface SaidMoment extends Base {
  readonly type: 'said'
  readonly side: 'buyer' | 'agent'
  /** Null for a card and for what was taken back. */
  readonly text: string | null
}
export interface DrawnMoment extends Base {
  readonly type: 'drawn'
  readonly count: number
  /** The words that were written on the picture. */
  readonly text: string | null
}
export interface FreezeMoment extends Base {
  readonly type: 'freeze'
}
export interface ConsentMoment extends Base {
  readonly type: 'consent'
}
export interface PauseMoment extends Base {
  readonly type: 'pause'
  readonly until: number
  readonly reason: RecordingPause['reason']
}
export type Moment = SaidMoment | DrawnMoment | FreezeMoment | ConsentMoment | PauseMoment

/** Marks of one hand within this time are told as one. */
const ONE_GO_MS = 3_000

/** Everything that happened, in order of time. */
export function moments(view: RecordingView, chat: readonly PublicEntry[], marks: readonly MarkEntry[]): Moment[] {
  const length = view.recording.duration_ms ?? 0
  const began = view.recording.began_at
  const name = (id: string) => view.sides.find((side) => side.participant_id === id)?.name ?? ''
  const within = (at: number) => Math.min(length, Math.max(0, at))
  const found: Moment[] = [
    ...view.consents.map((one, place) => ({ type: 'consent' as const, key: `c${place}`, at: within(one.at_ms), name: name(one.participant_id) })),
    ...view.pauses.map((one, place) => ({
      type: 'pause' as const, key: `p${place}`, at: within(one.from_ms), until: within(one.to_ms ?? length), name: name(one.participant_id ?? ''), reason: one.reason,
    })),
    ...chat.flatMap((entry) => said(entry, entry.sent_at - began, length)),
    ...drawings(marks, began, length, name),
  ]
  return found.sort((one, other) => one.at - other.at)
}

function said(entry: PublicEntry, at: number, length: number): SaidMoment[] {
  if ((entry.kind !== 'text' && entry.kind !== 'card') || entry.sender.kind === 'system') return []
  if (at < 0 || at > length) return []
  const text = entry.kind === 'text' && !entry.recalled ? entry.text : null
  return [{ type: 'said', key: `s${entry.seq}`, at, name: entry.sender.name ?? '', side: entry.sender.kind, text }]
}

function drawings(marks: readonly MarkEntry[], began: number, length: number, name: (id: string) => string): Moment[] {
  const found: Moment[] = []
  const open = new Map<string, { place: number; last: number; ids: Set<string> }>()
  for (const { mark, participant_id, at, seq } of marks) {
    const place = at - began
    if (place < 0 || place > length) continue
    const base = { key: `m${seq}`, at: place, name: name(participant_id) }
    if (mark.shape === 'freeze') found.push({ ...base, type: 'freeze' })
    if (mark.shape !== 'arrow' && mark.shape !== 'circle' && mark.shape !== 'freehand' && mark.shape !== 'text') continue
    const word = mark.shape === 'text' ? mark.text : null
    const before = open.get(participant_id)
    const going = before === undefined ? undefined : found[before.place]
    if (before !== undefined && going?.type === 'drawn' && place - before.last < ONE_GO_MS) {
      before.last = place
      before.ids.add(mark.mark_id)
      found[before.place] = { ...going, count: before.ids.size, text: [going.text, word].filter((one) => one !== null).join(' · ') || null }
    } else {
      open.set(participant_id, { place: found.length, last: place, ids: new Set([mark.mark_id]) })
      found.push({ ...base, type: 'drawn', count: 1, text: word })
    }
  }
  return found
}

/** The boards at a place of the time line, and how many marks they hold. */
export interface Drawn {
  readonly boards: Boards
  readonly count: number
}
export const NOTHING_DRAWN: Drawn = { boards: {}, count: 0 }

/** The boards after every mark until `at` on the server's clock; forwards it goes on from where it was. */
export function drawnUntil(before: Drawn, marks: readonly MarkEntry[], at: number): Drawn {
  let { boards, count } = before
  if (count > 0 && (marks[count - 1]?.at ?? Infinity) > at) [boards, count] = [{}, 0]
  while (count < marks.length && marks[count]!.at <= at) boards = drawn(boards, marks[count++]!)
  return count === before.count ? before : { boards, count }
}

/** Since when the picture is held at a place of the time line, there; null while it goes on. */
export function heldSince(marks: readonly MarkEntry[], of: string, began: number, at: number): number | null {
  let since: number | null = null
  for (const { mark, at: when } of marks) {
    if (when - began > at) break
    if (mark.of !== of) continue
    if (mark.shape === 'freeze') since = Math.max(0, when - began)
    else if (mark.shape === 'unfreeze') since = null
  }
  return since
}

/** The next moment after a place, or the one before it; what is nearer than a second counts as here. */
export function neighbour(found: readonly Moment[], at: number, by: 1 | -1): Moment | null {
  if (by === 1) return found.find((one) => one.at > at + 250) ?? null
  return found.filter((one) => one.at < at - 1_000).at(-1) ?? null
}

/** The last moment that has begun, by its place among them; -1 before the first. */
export const current = (found: readonly Moment[], at: number): number => found.filter((one) => one.at <= at).length - 1

/** The sides as they are shown: the buyer's first, then who sends a picture. */
export const arranged = (sides: readonly RecordingSide[]): RecordingSide[] =>
  [...sides].sort((one, other) => weight(other) - weight(one))
const weight = (side: RecordingSide): number => (side.role === 'buyer' ? 2 : 0) + (side.frames > 0 ? 3 : 0)

/** A side's waveform as the outline of bars in a box of `width` × `height`; bars are so many as fit. */
export function outline(peaks: readonly number[], count: number): number[] {
  const bars = Math.min(count, peaks.length)
  return Array.from({ length: bars }, (_, bar) => {
    const [from, to] = [Math.floor((bar * peaks.length) / bars), Math.floor(((bar + 1) * peaks.length) / bars)]
    return Math.max(...peaks.slice(from, Math.max(to, from + 1))) / 100
  })
}

/** Whether it can be watched now. */
export const watchable = (recording: RecordingSummary): boolean => recording.state === 'kept' && (recording.duration_ms ?? 0) > 0

/** The sentence for how a recording stands, why, and whether that is good. */
export interface Fate {
  readonly key: RecordingStage | 'keptNothing'
  readonly code: RecordingCode | null
  readonly tone: 'good' | 'warn' | 'plain'
}
export function fateOf({ state, code, duration_ms }: { state: RecordingStage; code?: RecordingCode | null; duration_ms?: number | null }): Fate {
  if (state === 'kept') return (duration_ms ?? 0) > 0 ? { key: 'kept', code: null, tone: 'good' } : { key: 'keptNothing', code: null, tone: 'plain' }
  if (state === 'stopped' || state === 'failed') return { key: state, code: code ?? null, tone: 'warn' }
  return { key: state, code: code ?? null, tone: 'plain' }
}
