/** What the conversation pane shows: both logs and the outbox as one list of lines. */

import type { Line as OwnLine } from '@livedesk/protocol'
import { receiptOf, type AllMarks } from '@livedesk/protocol'
import type { Failure } from '@livedesk/protocol'
import type { BookingEntry, CallEntry, Card, DeskEntry, PublicEntry, RecordingEntry, ReusedEntry, StillEntry } from '@livedesk/protocol'

export type Delivery = 'pending' | 'failed' | 'sent' | 'delivered' | 'read'

export interface Quote {
  readonly seq: number
  readonly name: string | null
  readonly text: string | null
}

interface Base {
  readonly key: string
  readonly at: number
}
export interface MessageLine extends Base {
  readonly type: 'message'
  readonly side: 'buyer' | 'agent' | 'system'
  readonly name: string | null
  readonly seq: number | null
  readonly clientId: string | null
  readonly text: string | null
  readonly card: Card | null
  readonly quote: Quote | null
  readonly recalled: boolean
  readonly delivery: Delivery | null
  /** Taking it back is under way. */
  readonly recalling: boolean
  readonly failure: Failure | null
  readonly senderId: string | null
  /** Same sender within two minutes right before: shown without a second name. */
  readonly follows: boolean
}
export interface NoteLine extends Base {
  readonly type: 'note'
  readonly name: string | null
  readonly text: string
  readonly toName: string | null
  readonly delivery: 'pending' | 'failed' | 'sent'
  readonly clientId: string | null
  readonly failure: Failure | null
}
export interface SystemLine extends Base {
  readonly type: 'system'
  readonly what: 'assigned' | 'transferred' | 'requeued' | 'closed' | 'reopened' | 'routed' | 'skipped' | 'retake'
  readonly name: string | null
  readonly by: 'buyer' | 'agent' | 'system' | null
  readonly text: string | null
}
/** A picture with what is known of it: where it was seen before, if it was. */
export interface Still {
  readonly entry: StillEntry
  readonly reused: ReusedEntry | null
}
export interface StillLine extends Base {
  readonly type: 'still'
  readonly still: Still
}
/** A call that is to be made at a time, is no more, or is due. */
export interface BookingLine extends Base {
  readonly type: 'booking'
  readonly seq: number
  /** Who booked it or took it back. */
  readonly name: string | null
  readonly happened: BookingEntry['happened']
  readonly media: BookingEntry['media']
  /** When it is to be made. */
  readonly for: number
  /** The one that it takes the place of. */
  readonly replaced: BookingEntry['replaced']
}
/** A call that began, ended or was missed. */
export interface CallLine extends Base {
  readonly type: 'call'
  readonly happened: CallEntry['happened']
  readonly media: CallEntry['media']
  readonly reason: CallEntry['reason']
  readonly invitedBy: CallEntry['invited_by']
  readonly durationMs: number | null
}
/** What became of a call's recording. */
export interface RecordingLine extends Base {
  readonly type: 'recording'
  readonly entry: RecordingEntry
}
export interface DayLine extends Base {
  readonly type: 'day'
}
export type TranscriptLine = MessageLine | NoteLine | SystemLine | StillLine | CallLine | BookingLine | RecordingLine | DayLine

/** Consecutive lines of one sender within this time are drawn as one block. */
const BLOCK_MS = 120_000

export interface Logs {
  readonly entries: readonly PublicEntry[]
  readonly desk: readonly DeskEntry[]
  readonly outbox: readonly OwnLine[]
  readonly marks: AllMarks
}

/**
 * Both logs in order of time, each log in its own order; what is on its way comes last. `from` leaves out
 * the public entries before it (and the notes older than the first one shown).
 */
export function transcript(logs: Logs, dayOf: (at: number) => string, from = 0): TranscriptLine[] {
  const shown = logs.entries.slice(from)
  const since = from > 0 ? (shown[0]?.sent_at ?? 0) : 0
  const notes = since > 0 ? logs.desk.filter((entry) => entry.sent_at >= since) : logs.desk
  const around: Around = { ...logs, recalling: recallsUnderWay(logs.outbox), reused: reusedOf(logs.desk) }
  const lines: TranscriptLine[] = []
  let desk = 0
  for (const entry of shown) {
    while (desk < notes.length && notes[desk]!.sent_at < entry.sent_at) lines.push(...deskLine(notes[desk++]!))
    const line = publicLine(entry, around)
    if (line !== null) lines.push(line)
  }
  for (; desk < notes.length; desk++) lines.push(...deskLine(notes[desk]!))
  for (const own of logs.outbox) {
    const line = ownLine(own, around)
    if (line !== null) lines.push(line)
  }
  return dressed(lines, dayOf)
}

interface Around {
  readonly entries: readonly PublicEntry[]
  readonly marks: AllMarks
  readonly recalling: ReadonlySet<number>
  readonly reused: ReadonlyMap<number, ReusedEntry>
}

const reusedOf = (desk: readonly DeskEntry[]): Map<number, ReusedEntry> =>
  new Map(desk.flatMap((entry) => ('still_seq' in entry ? [[entry.still_seq, entry] as const] : [])))

/** The pictures of a conversation in their order. */
export function stillsOf(entries: readonly PublicEntry[], desk: readonly DeskEntry[]): Still[] {
  const reused = reusedOf(desk)
  return entries.flatMap((entry) => (entry.kind === 'still' ? [{ entry, reused: reused.get(entry.seq) ?? null }] : []))
}

function recallsUnderWay(outbox: readonly OwnLine[]): Set<number> {
  const seqs = outbox.map((line) => (line.content.kind === 'recall' && line.state !== 'failed' ? line.content.seq : 0))
  return new Set(seqs.filter((seq) => seq > 0))
}

function publicLine(entry: PublicEntry, around: Around): TranscriptLine | null {
  const base = { key: `p${entry.seq}`, at: entry.sent_at, name: entry.sender.name ?? null }
  switch (entry.kind) {
    case 'text':
    case 'card': {
      const gone = entry.recalled ?? false
      return {
        ...base,
        type: 'message',
        side: entry.sender.kind,
        seq: entry.seq,
        clientId: entry.client_id ?? null,
        text: entry.kind === 'text' && !gone ? entry.text : null,
        card: entry.kind === 'card' && !gone ? entry.body : null,
        quote: entry.kind === 'text' && !gone ? quoteOf(entry.quote_seq ?? null, around) : null,
        recalled: gone,
        delivery: entry.sender.kind === 'agent' ? receiptOf(entry.seq, around.marks, 'agent') : null,
        recalling: around.recalling.has(entry.seq),
        failure: null,
        senderId: entry.sender.id ?? null,
        follows: false,
      }
    }
    case 'recall':
      return null
    case 'assigned':
      return { ...base, type: 'system', what: 'assigned', name: entry.agent_name, by: null, text: null }
    case 'transferred':
      return { ...base, type: 'system', what: 'transferred', name: entry.to_name ?? null, by: null, text: null }
    case 'requeued':
      return { ...base, type: 'system', what: 'requeued', by: null, text: null }
    case 'closed':
      return { ...base, type: 'system', what: 'closed', by: entry.by, text: null }
    case 'reopened':
      return { ...base, type: 'system', what: 'reopened', by: entry.by, text: null }
    case 'still':
      return { key: base.key, at: base.at, type: 'still', still: { entry, reused: around.reused.get(entry.seq) ?? null } }
    case 'skipped':
      return { ...base, type: 'system', what: 'skipped', name: entry.label, by: null, text: entry.reason }
    case 'call': {
      const { happened, media, reason, invited_by: invitedBy } = entry
      return { key: base.key, at: base.at, type: 'call', happened, media, reason, invitedBy, durationMs: entry.duration_ms ?? null }
    }
    case 'booking':
      return { ...base, type: 'booking', seq: entry.seq, happened: entry.happened, media: entry.media, for: entry.at, replaced: entry.replaced }
    case 'retake':
      return { ...base, type: 'system', what: 'retake', name: entry.label, by: null, text: entry.note || null }
    default:
      return null
  }
}

/** Where a picture was seen before stands on the picture itself. */
function deskLine(entry: DeskEntry): TranscriptLine[] {
  const base = { key: `d${entry.seq}`, at: entry.sent_at, name: entry.sender.name ?? null }
  if (entry.kind === 'recording') return [{ key: base.key, at: base.at, type: 'recording', entry }]
  if (!('text' in entry)) return []
  if (entry.kind === 'routed') return [{ ...base, type: 'system', what: 'routed', by: null, text: entry.text }]
  const note: NoteLine = {
    ...base,
    type: 'note',
    text: entry.text,
    toName: entry.kind === 'handover' ? entry.to_name : null,
    delivery: 'sent',
    clientId: entry.client_id ?? null,
    failure: null,
  }
  return [note]
}

/** A line of one's own that is not in the log yet. A recall under way shows on the message it takes back. */
function ownLine(own: OwnLine, around: Around): TranscriptLine | null {
  const { content } = own
  if (content.kind === 'recall') return null
  const base = { key: `o${own.client_id}`, at: own.sent_at ?? own.created_at, clientId: own.client_id, failure: own.failure ?? null }
  if (content.kind === 'note') {
    return { ...base, type: 'note', name: null, text: content.text, toName: null, delivery: own.state }
  }
  return {
    ...base,
    type: 'message',
    side: 'agent',
    name: null,
    seq: null,
    text: content.kind === 'text' ? content.text : null,
    card: content.kind === 'card' ? content.shown : null,
    quote: content.kind === 'text' ? quoteOf(content.quote_seq ?? null, around) : null,
    recalled: false,
    delivery: own.state,
    recalling: false,
    senderId: null,
    follows: false,
  }
}

/** What a quoted seq says now. The log is gapless from 1: entry `seq` stands at `seq - 1`. */
function quoteOf(seq: number | null, around: Pick<Around, 'entries'>): Quote | null {
  if (seq === null) return null
  const entry = around.entries[seq - 1]
  const name = entry?.sender.name ?? null
  return { seq, name, text: entry?.kind === 'text' ? entry.text : null }
}

/** Adds the day's line where the day changes, and joins what one sender wrote in a row. */
function dressed(lines: readonly TranscriptLine[], dayOf: (at: number) => string): TranscriptLine[] {
  const out: TranscriptLine[] = []
  let day = ''
  for (const line of lines) {
    const its = dayOf(line.at)
    if (its !== day) {
      out.push({ type: 'day', key: `day${its}`, at: line.at })
      day = its
    }
    const before = out[out.length - 1]
    const follows =
      line.type === 'message' &&
      before?.type === 'message' &&
      before.side === line.side &&
      (before.senderId === line.senderId || line.senderId === null || before.senderId === null) &&
      line.at - before.at < BLOCK_MS
    out.push(follows ? { ...line, follows: true } : line)
  }
  return out
}
