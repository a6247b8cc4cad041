/**
 * The desk's one reducer: state and an event of the catalogue give the next state. Pure; `now` is the
 * server's clock. The table has an entry for every event of `/agent` but those of calls; a new one does not
 * compile until it stands here. Messages themselves live in the `LogClient`; here stands what they change in
 * a row.
 */

import {
  unreadOf,
  type LogSnapshot,
} from '@livedesk/protocol'
import type {
  AgentEvents,
  Card,
  Context,
  ProvenanceBound,
  PublicEntry,
  Seat,
  Summary,
} from '@livedesk/protocol'
import { TYPING_FOR_MS, mergeRow, type DeskState } from './model.ts'

export type EventName = Exclude<keyof AgentEvents, `call.${string}`>
type Reducers = { readonly [E in EventName]: (state: DeskState, payload: AgentEvents[E], now: number) => DeskState }

export const REDUCERS: Reducers = {
  'chat.posted': (state, { conversation_id, entry }) =>
    withRow(quiet(state, conversation_id, entry), conversation_id, (row) => afterEntry(row, entry)),

  'chat.noted': (state, { conversation_id, entry }) =>
    withRow(state, conversation_id, (row) =>
      entry.seq > row.desk_last_seq ? { ...row, desk_last_seq: entry.seq } : row,
    ),

  'chat.recalled': (state, { conversation_id, entry }) =>
    withRow(state, conversation_id, (row) => afterEntry(row, { ...entry, kind: 'recall' })),

  'chat.marked': (state, { conversation_id, marks }) => {
    const next = withRow(state, conversation_id, (row) =>
      (marks.agent_read ?? 0) >= row.last_seq && (row.unread ?? 0) > 0 ? { ...row, unread: 0 } : row,
    )
    return withContext(next, conversation_id, (context) => ({ ...context, marks }))
  },

  'chat.typing': (state, { conversation_id, by }, now) =>
    by === 'buyer' ? { ...state, typing: { ...state.typing, [conversation_id]: now + TYPING_FOR_MS } } : state,

  'conversation.offered': (state, offer) => ({
    ...withSummary(state, offer.summary),
    offers: [...state.offers.filter((other) => other.offer_id !== offer.offer_id), offer],
  }),

  'conversation.offer_ended': (state, { offer_id }) => ({
    ...state,
    offers: state.offers.filter((offer) => offer.offer_id !== offer_id),
  }),

  'conversation.taken': (state, { summary, owner_id, fence }) => withSummary(state, { ...summary, owner_id, fence }),

  'conversation.closed': (state, { conversation_id, seq }, now) =>
    withRow(state, conversation_id, (row) =>
      seq < row.last_seq || row.state === 'closed'
        ? row
        : { ...row, state: 'closed', line: 'done', last_seq: seq, owed_since: null, waiting_since: null, closed_at: now },
    ),

  'conversation.reopened': (state, { conversation_id, seq }, now) =>
    withRow(state, conversation_id, (row) =>
      seq < row.last_seq || row.state === 'open'
        ? row
        : { ...row, state: 'open', line: 'waiting', last_seq: seq, closed_at: null, waiting_since: now, owner_id: null, owner_name: null },
    ),

  'conversation.changed': (state, { summary }) => withSummary(state, summary),

  'provenance.bound': (state, bound) =>
    withContext(state, bound.conversation_id, (context) => withProvenance(context, bound)),

  'case.changed': (state, { case: found }) =>
    withContext(state, found.conversation_id, (context) => ({
      ...context,
      cases: [...context.cases.filter((one) => one.case_id !== found.case_id), found].sort((a, b) => a.number - b.number),
    })),

  'presence.changed': (state, seat) => withSeat(state, seat),

  'session.ended': (state, ended) => ({ ...state, ended }),

  'server.stopped': (state, stopping) => ({ ...state, stopping }),
}

export function reduce<E extends EventName>(state: DeskState, name: E, payload: AgentEvents[E], now: number): DeskState {
  return REDUCERS[name](state, payload, now)
}

/** Lays the answer of `conversation.look` into the state. */
export function looked(state: DeskState, context: Context): DeskState {
  const id = context.summary.conversation_id
  return { ...withSummary(state, context.summary), contexts: { ...state.contexts, [id]: context } }
}

/** Lays one page of a list into the state; `more` tells whether older rows exist. */
export function paged(state: DeskState, tab: 'mine' | 'waiting' | 'all', page: { conversations: Summary[]; more: boolean }): DeskState {
  const next = watched(state, page.conversations)
  return { ...next, more: { ...next.more, [tab]: page.more } }
}

/** Lays rows as they were read just now into the state; each lays on only what is newer. */
export function watched(state: DeskState, rows: readonly Summary[]): DeskState {
  return rows.reduce(withSummary, state)
}

/**
 * Lays what a conversation's own log has read into its row. One's own lines come this way only: the socket
 * that wrote them hears no echo.
 */
export function logRead(state: DeskState, id: string, log: Pick<LogSnapshot, 'entries' | 'marks' | 'loaded'>): DeskState {
  return withRow(state, id, (row) => {
    const fresh = log.entries.slice(row.last_seq)
    const next = fresh.reduce(afterEntry, row)
    if (!log.loaded) return next
    const unread = unreadOf(log.entries, log.marks, 'agent')
    return unread === (next.unread ?? 0) ? next : { ...next, unread }
  })
}

/** Whether a bound provenance names a line that the context does not know: then it must be read again. */
export function needsLook(state: DeskState, bound: ProvenanceBound): boolean {
  const context = state.contexts[bound.conversation_id]
  if (context === undefined) return false
  const order = context.orders.find((view) => view.order.order_id === bound.order_id)
  return order === undefined || !order.lines.some((line) => line.line_id === bound.line_id)
}

function withSummary(state: DeskState, summary: Summary): DeskState {
  const id = summary.conversation_id
  const row = mergeRow(state.rows[id], summary)
  const next = { ...state, rows: { ...state.rows, [id]: row } }
  return withContext(next, id, (context) => ({ ...context, summary: row }))
}

function withRow(state: DeskState, id: string, change: (row: Summary) => Summary): DeskState {
  const row = state.rows[id]
  if (row === undefined) return state
  const changed = change(row)
  if (changed === row) return state
  const next = { ...state, rows: { ...state.rows, [id]: changed } }
  return withContext(next, id, (context) => ({ ...context, summary: changed }))
}

function withContext(state: DeskState, id: string, change: (context: Context) => Context): DeskState {
  const context = state.contexts[id]
  return context === undefined ? state : { ...state, contexts: { ...state.contexts, [id]: change(context) } }
}

/** A row after an entry of the public log. An entry seen before changes nothing. */
function afterEntry(row: Summary, entry: PublicEntry): Summary {
  if (entry.seq <= row.last_seq) return row
  const next: Summary = { ...row, last_seq: entry.seq }
  switch (entry.kind) {
    case 'text':
    case 'card': {
      // As the server has it: a card leaves the last words standing.
      if (entry.kind === 'text') next.preview = wordsOf(entry)
      if (entry.sender.kind === 'buyer') {
        next.owed_since = row.owed_since ?? entry.sent_at
        next.unread = (row.unread ?? 0) + 1
      } else if (entry.sender.kind === 'agent') {
        next.owed_since = null
      }
      return next
    }
    case 'recall':
      // The preview must not keep what was taken back; the row's own last message is the one right before.
      return entry.recalled_seq === row.last_seq ? { ...next, preview: '' } : next
    default:
      return next
  }
}

/** A message in few words; a card is told by its title. */
export function wordsOf(entry: PublicEntry): string {
  if (entry.kind === 'card') return entry.body ? titleOf(entry.body).slice(0, 200) : ''
  if (entry.kind === 'text') return (entry.text ?? '').slice(0, 200)
  return ''
}

function titleOf(card: Card): string {
  switch (card.card) {
    case 'product':
      return card.title
    case 'order':
      return card.titles[0] ?? card.order_id
    case 'context':
      return card.topic ?? card.product?.title ?? card.order?.titles[0] ?? card.live_title ?? ''
    default:
      return ''
  }
}

/** The buyer stops typing when his line arrives. */
function quiet(state: DeskState, id: string, entry: PublicEntry): DeskState {
  if (entry.sender.kind !== 'buyer' || state.typing[id] === undefined) return state
  const { [id]: _gone, ...typing } = state.typing
  return { ...state, typing }
}

function withProvenance(context: Context, { order_id, line_id, provenance }: ProvenanceBound): Context {
  return {
    ...context,
    orders: context.orders.map((view) =>
      view.order.order_id !== order_id
        ? view
        : {
            ...view,
            lines: view.lines.map((line) =>
              line.line_id === line_id && provenance.version >= (line.provenance?.version ?? 0)
                ? { ...line, provenance }
                : line,
            ),
          },
    ),
  }
}

/** A seat heard of: my own, and mine or a colleague's as a target of transfers. */
function withSeat(state: DeskState, seat: Seat): DeskState {
  const own = seat.person_id === state.desk.person_id
  const shops = state.desk.shops.map((shop) => ({
    ...shop,
    colleagues: shop.colleagues.map((colleague) =>
      colleague.person_id === seat.person_id
        ? { ...colleague, state: seat.state, units_free: Math.max(0, seat.units_capacity - seat.units_used) }
        : colleague,
    ),
  }))
  return { ...state, desk: { ...state.desk, shops, ...(own ? { seat } : {}) } }
}
