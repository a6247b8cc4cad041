import {
  receiptOf,
  type BookingEntry,
  type CallEntry,
  type Card,
  type Failure,
  type Line,
  type LogSnapshot,
  type PublicEntry,
  type Receipt,
} from '@livedesk/protocol'

/** The two minutes within which one may recall. The server decides; this only hides a hopeless button. */
export const RECALL_WITHIN_MS = 120_000
/** A pause in the talk after which the time is shown. */
const QUIET_MS = 5 * 60_000

export interface Quoted {
  readonly mine: boolean
  readonly name: string | null
  /** null: recalled. */
  readonly text: string | null
  readonly card: Card | null
}

export type Content =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'card'; readonly card: Card }
  | { readonly kind: 'recalled' }

export interface MessageRow {
  readonly row: 'message'
  readonly key: string
  readonly mine: boolean
  /** The name to show above: only where somebody else begins to speak. */
  readonly name: string | null
  readonly content: Content
  readonly quoted: Quoted | null
  readonly seq: number | null
  readonly clientId: string | null
  readonly at: number
  /** `pending` and `failed` are lines; the others say how far it came. */
  readonly state: 'pending' | 'failed' | Receipt
  /** Show the state in words: the newest of one's own, and whatever is not yet or not sent. */
  readonly showState: boolean
  readonly failure: Failure | null
  readonly recalling: boolean
  readonly recallFailure: { readonly clientId: string; readonly failure: Failure } | null
}

export type EventRow =
  | { readonly row: 'assigned'; readonly key: string; readonly name: string }
  | { readonly row: 'transferred'; readonly key: string; readonly name: string | null }
  | { readonly row: 'requeued' | 'reopened'; readonly key: string }
  | { readonly row: 'closed'; readonly key: string; readonly by: 'buyer' | 'agent' | 'system' }

export type Row =
  | { readonly row: 'time'; readonly key: string; readonly at: number }
  | { readonly row: 'context'; readonly key: string; readonly card: Card }
  /** A list of pictures, or the wish to have one of it again: the entry `seq`. */
  | { readonly row: 'shots'; readonly key: string; readonly seq: number }
  /** A call that is over, or that nobody took. */
  | { readonly row: 'call'; readonly key: string; readonly call: CallEntry | BookingEntry }
  | EventRow
  | MessageRow

/** What the screen shows of a conversation: its log, and under it what is on the way. Pure. */
export function rows(log: LogSnapshot): Row[] {
  const made: Row[] = []
  const recalls = new Map<number, Line>()
  for (const line of log.outbox) if (line.content.kind === 'recall') recalls.set(line.content.seq, line)
  let lastAt = -Infinity
  let lastSpeaker = ''
  const pause = (at: number, key: string): void => {
    if (at - lastAt > QUIET_MS) {
      made.push({ row: 'time', key: `t${key}`, at })
      lastSpeaker = ''
    }
    lastAt = at
  }

  for (const entry of log.entries) {
    if (entry.kind === 'recall') continue
    pause(entry.sent_at, String(entry.seq))
    const event = eventRow(entry)
    if (event) {
      made.push(event)
      lastSpeaker = ''
      continue
    }
    const content = contentOf(entry)
    if (!content) continue
    const speaker = `${entry.sender.kind}/${entry.sender.name ?? ''}`
    const recall = recalls.get(entry.seq)
    const mine = entry.sender.kind === 'buyer'
    made.push({
      row: 'message',
      // The same key before and after it was stored: the bubble stays, only its state changes.
      key: entry.client_id ?? `s${entry.seq}`,
      mine,
      name: !mine && speaker !== lastSpeaker ? (entry.sender.name ?? null) : null,
      content,
      quoted: entry.kind === 'text' ? quoteOf(log.entries, entry.quote_seq) : null,
      seq: entry.seq,
      clientId: entry.client_id ?? null,
      at: entry.sent_at,
      state: receiptOf(entry.seq, log.marks, 'buyer'),
      showState: false,
      failure: null,
      recalling: recall !== undefined && recall.state !== 'failed',
      recallFailure: recall?.failure ? { clientId: recall.client_id, failure: recall.failure } : null,
    })
    lastSpeaker = speaker
  }
  for (const line of log.outbox) {
    const content = lineContent(line)
    if (!content) continue
    pause(line.created_at, line.client_id)
    made.push({
      row: 'message',
      key: line.client_id,
      mine: true,
      name: null,
      content,
      quoted: line.content.kind === 'text' ? quoteOf(log.entries, line.content.quote_seq) : null,
      seq: line.seq ?? null,
      clientId: line.client_id,
      at: line.created_at,
      state: line.state,
      showState: true,
      failure: line.failure ?? null,
      recalling: false,
      recallFailure: null,
    })
  }
  showNewestState(made)
  return made
}

function eventRow(entry: PublicEntry): Row | null {
  const key = `s${entry.seq}`
  switch (entry.kind) {
    case 'assigned':
      return { row: 'assigned', key, name: entry.agent_name }
    case 'transferred':
      return { row: 'transferred', key, name: entry.to_name ?? null }
    case 'requeued':
    case 'reopened':
      return { row: entry.kind, key }
    case 'closed':
      return { row: 'closed', key, by: entry.by }
    case 'card':
      if (entry.body?.card === 'shots') return { row: 'shots', key, seq: entry.seq }
      return entry.body?.card === 'context' ? { row: 'context', key, card: entry.body } : null
    case 'retake':
      return { row: 'shots', key, seq: entry.seq }
    case 'call':
      // One that has begun is seen above the talk.
      return entry.happened === 'started' ? null : { row: 'call', key, call: entry }
    case 'booking':
      return { row: 'call', key, call: entry }
    default:
      return null
  }
}

function contentOf(entry: PublicEntry): Content | null {
  if (entry.kind === 'text') return entry.text === null ? { kind: 'recalled' } : { kind: 'text', text: entry.text }
  if (entry.kind === 'card') return entry.body === null ? { kind: 'recalled' } : { kind: 'card', card: entry.body }
  return null
}

function lineContent(line: Line): Content | null {
  const { content } = line
  if (content.kind === 'text') return { kind: 'text', text: content.text }
  if (content.kind !== 'card') return null
  return content.shown ? { kind: 'card', card: content.shown } : null
}

function quoteOf(entries: readonly PublicEntry[], seq: number | null | undefined): Quoted | null {
  const entry = seq ? entries[seq - 1] : undefined
  if (entry?.kind !== 'text' && entry?.kind !== 'card') return null
  return {
    mine: entry.sender.kind === 'buyer',
    name: entry.sender.name ?? null,
    text: entry.kind === 'text' ? entry.text : null,
    card: entry.kind === 'card' ? entry.body : null,
  }
}

function showNewestState(made: Row[]): void {
  for (let index = made.length - 1; index >= 0; index--) {
    const row = made[index]!
    if (row.row !== 'message' || !row.mine || row.content.kind === 'recalled') continue
    made[index] = { ...row, showState: true }
    return
  }
}

/** The cards that may be sent: what the conversation speaks of and was not sent last. */
export function sendable(log: LogSnapshot): Card[] {
  const found = new Map<string, Card>()
  const sent = new Set<string>()
  const key = (card: Card): string => {
    if (card.card === 'order') return `order ${card.order_id}`
    return card.card === 'product' ? `product ${card.product_id}` : ''
  }
  for (const entry of log.entries) {
    if (entry.kind !== 'card' || !entry.body) continue
    if (entry.body.card === 'context') {
      found.clear()
      for (const card of [entry.body.product, entry.body.order]) if (card) found.set(key(card), card)
    } else if (entry.sender.kind === 'buyer') sent.add(key(entry.body))
  }
  for (const line of log.outbox) if (line.content.kind === 'card' && line.content.shown) sent.add(key(line.content.shown))
  return [...found].filter(([name]) => !sent.has(name)).map(([, card]) => card)
}
