/** Old state + event == new state, where both states are what the server answers before and after. */

import type { AgentEvents, Context, Desk, Offered, Summary } from '@livedesk/protocol'
import { describe, expect, it } from 'vitest'
import { TYPING_FOR_MS, mergeRow, snapshot, type DeskState } from '../src/desk/model.ts'
import { REDUCERS, logRead, looked, needsLook, paged, reduce, type EventName } from '../src/desk/reduce.ts'
import { wireSchema } from './standin/repository.ts'
import { certificate, coatOrder, theDesk, told } from './standin/scenes.ts'

const NOW = 1_800_000_000_000
const ID = 'c-wang'
const buyer = { kind: 'buyer' as const, id: 'b-c-wang', name: '王小雨' }
const agent = { kind: 'agent' as const, id: 'p-lin', name: '林小满' }

const known = told({ id: ID, buyer: '王小雨', now: NOW, order: coatOrder(NOW), says: [['b', 60_000, '在吗']] })
const row = known.row
const context: Context = { ...known.context, summary: row, marks: known.marks }

interface Server {
  desk?: Desk
  rows?: readonly Summary[]
  offers?: readonly Offered[]
  context?: Context | null
}

/** The state as a console has it that starts now: everything read, the open conversation looked at. */
function read({ desk = theDesk(NOW), rows = [row], offers = [], context: open = context }: Server = {}): DeskState {
  const none = { conversations: [], more: false }
  const state = snapshot(desk, { mine: none, waiting: none, all: { conversations: rows, more: false } }, NOW, offers)
  return open === null ? state : looked(state, { ...open, summary: rows.find((one) => one.conversation_id === ID) ?? open.summary })
}

const seq = row.last_seq + 1
const textEntry = (side: typeof buyer | typeof agent, text: string) => ({
  kind: 'text' as const, seq, message_id: 'm', client_id: null, sender: side, sent_at: NOW, text,
})
const offered: Offered = { offer_id: 'o1', fence: 4, expires_at: NOW + 20_000, now: NOW, why: ['售后'], summary: row }
const taken: Summary = { ...row, owner_id: 'p-zhou', owner_name: '周周', fence: row.fence + 1 }
const closed: Summary = { ...row, state: 'closed', line: 'done', last_seq: seq, owed_since: null, waiting_since: null, closed_at: NOW }
const newer = { ...certificate(NOW), version: 3, hosts: ['小雅', '阿May'] }
const seat = theDesk(NOW).seat

const theCase = {
  case_id: 'case-1', shop_id: row.shop_id, number: 1001, title: '领口开线', state: 'open' as const, conversation_id: ID,
  buyer_name: row.buyer_name, stills: 2, opened_at: NOW, updated_at: NOW,
}

interface Case<E extends EventName = EventName> {
  event: AgentEvents[E]
  before?: Server
  after: Server
  /** What no answer of the server holds: hints and ends. */
  only?: Partial<DeskState>
}

const CASES: { [E in EventName]: Case<E>[] } = {
  'chat.posted': [
    {
      event: { conversation_id: ID, entry: textEntry(buyer, '人呢？') },
      after: { rows: [{ ...row, last_seq: seq, preview: '人呢？', unread: 2 }] },
    },
    {
      event: { conversation_id: ID, entry: textEntry(agent, '在的') },
      after: { rows: [{ ...row, last_seq: seq, preview: '在的', owed_since: null }] },
    },
    {
      event: { conversation_id: ID, entry: { kind: 'assigned', seq, message_id: 'm', sender: { kind: 'system' }, sent_at: NOW, agent_name: '周周' } },
      after: { rows: [{ ...row, last_seq: seq }] },
    },
    // Heard before, and heard of a conversation that is not known: nothing changes.
    { event: { conversation_id: ID, entry: { ...textEntry(buyer, '在吗'), seq: row.last_seq } }, after: {} },
    { event: { conversation_id: 'c-strange', entry: textEntry(buyer, '?') }, after: {} },
  ],
  'chat.noted': [
    {
      event: { conversation_id: ID, entry: { kind: 'note', seq: 1, message_id: 'n', sender: agent, sent_at: NOW, text: '老客户' } },
      after: { rows: [{ ...row, desk_last_seq: 1 }] },
    },
  ],
  'chat.recalled': [
    {
      event: { conversation_id: ID, entry: { kind: 'recall', seq, message_id: 'm', sender: buyer, sent_at: NOW, recalled_seq: row.last_seq } },
      after: { rows: [{ ...row, last_seq: seq, preview: '' }] },
    },
  ],
  'chat.marked': [
    {
      event: { conversation_id: ID, marks: { ...known.marks, agent_read: row.last_seq } },
      after: { rows: [{ ...row, unread: 0 }], context: { ...context, marks: { ...known.marks, agent_read: row.last_seq } } },
    },
  ],
  'chat.typing': [
    { event: { conversation_id: ID, by: 'buyer' }, after: {}, only: { typing: { [ID]: NOW + TYPING_FOR_MS } } },
    { event: { conversation_id: ID, by: 'agent' }, after: {} },
  ],
  'conversation.offered': [{ event: offered, after: { offers: [offered] } }],
  'conversation.offer_ended': [
    { event: { offer_id: 'o1', outcome: 'missed' }, before: { offers: [offered] }, after: {} },
    { event: { offer_id: 'another', outcome: 'missed' }, before: { offers: [offered] }, after: { offers: [offered] } },
  ],
  'conversation.taken': [
    { event: { conversation_id: ID, owner_id: 'p-zhou', fence: taken.fence, summary: taken }, after: { rows: [taken] } },
  ],
  'conversation.closed': [{ event: { conversation_id: ID, seq, by: 'agent' }, after: { rows: [closed] } }],
  'conversation.reopened': [
    {
      event: { conversation_id: ID, seq: seq + 1 },
      before: { rows: [closed] },
      after: { rows: [{ ...closed, state: 'open', line: 'waiting', last_seq: seq + 1, closed_at: null, waiting_since: NOW, owner_id: null, owner_name: null }] },
    },
  ],
  'conversation.changed': [
    { event: { summary: { ...row, group_name: '尺码顾问' } }, after: { rows: [{ ...row, group_name: '尺码顾问' }] } },
    { event: { summary: { ...row, conversation_id: 'c-new' } }, after: { rows: [row, { ...row, conversation_id: 'c-new' }] } },
  ],
  'provenance.bound': [
    {
      event: { conversation_id: ID, order_id: '20261121-88231', line_id: '1', provenance: newer },
      after: {
        context: { ...context, orders: context.orders.map((view) => ({ ...view, lines: view.lines.map((line) => ({ ...line, provenance: newer })) })) },
      },
    },
    // An older version came late.
    { event: { conversation_id: ID, order_id: '20261121-88231', line_id: '1', provenance: { ...newer, version: 1 } }, after: {} },
  ],
  'case.changed': [
    {
      event: { case: theCase },
      after: { context: { ...context, cases: [theCase] } },
    },
    // Of a conversation that is not looked at: nothing changes.
    { event: { case: { ...theCase, conversation_id: 'c-strange' } }, after: {} },
  ],
  'presence.changed': [
    {
      event: { ...seat, state: 'break', reason: 'lunch', units_used: 3 },
      after: {
        desk: {
          ...theDesk(NOW),
          seat: { ...seat, state: 'break', reason: 'lunch', units_used: 3 },
          shops: theDesk(NOW).shops.map((shop) => ({
            ...shop,
            colleagues: shop.colleagues.map((one) => (one.person_id === 'p-lin' ? { ...one, state: 'break' as const, units_free: 3 } : one)),
          })),
        },
      },
    },
    {
      event: { ...seat, person_id: 'p-tang', name: '唐糖', units_used: 7 },
      after: {
        desk: {
          ...theDesk(NOW),
          shops: theDesk(NOW).shops.map((shop) => ({
            ...shop,
            colleagues: shop.colleagues.map((one) => (one.person_id === 'p-tang' ? { ...one, state: 'ready' as const, units_free: 0 } : one)),
          })),
        },
      },
    },
  ],
  'session.ended': [
    { event: { code: 'session_revoked', message: 'x' }, after: {}, only: { ended: { code: 'session_revoked', message: 'x' } } },
  ],
  'server.stopped': [{ event: { retry_after_ms: 500 }, after: {}, only: { stopping: { retry_after_ms: 500 } } }],
}

describe('old state + event == new state', () => {
  const cases = Object.entries(CASES).flatMap(([name, list]) => list.map((one, index) => [name, index + 1, one] as const))

  it.each(cases)('%s, case %i', (name, _index, { event, before, after, only }) => {
    const start = read(before)
    const frozen = structuredClone(start)
    expect(reduce(start, name as EventName, event as never, NOW)).toEqual({ ...read(after), ...only })
    expect(start).toEqual(frozen)
  })

  it('has a case for every event that the catalogue sends to agents', () => {
    const declared = Object.keys(wireSchema().$defs['AgentEvents']?.properties ?? {}).filter((name) => !name.startsWith('call.')).sort()
    expect(declared.length).toBeGreaterThan(10)
    expect(Object.keys(REDUCERS).sort()).toEqual(declared)
    expect(Object.keys(CASES).sort()).toEqual(declared)
    for (const [name, list] of Object.entries(CASES)) expect(list.length, name).toBeGreaterThan(0)
  })

  it('applies the same event twice like once', () => {
    for (const [name, list] of Object.entries(CASES)) {
      for (const { event, before } of list) {
        const once = reduce(read(before), name as EventName, event as never, NOW)
        expect(reduce(once, name as EventName, event as never, NOW), name).toEqual(once)
      }
    }
  })
})

describe('two views of one row', () => {
  it('keep the owner of the higher fence and the words of the later seq, whichever came last', () => {
    const owner: Summary = { ...row, fence: 9, owner_id: 'p-zhou', owner_name: '周周', last_seq: 4, preview: 'old' }
    const words: Summary = { ...row, fence: 3, owner_id: 'p-lin', owner_name: '林小满', last_seq: 8, preview: 'new', owed_since: null, unread: 0 }
    for (const merged of [mergeRow(owner, words), mergeRow(words, owner)]) {
      expect(merged).toMatchObject({ fence: 9, owner_id: 'p-zhou', owner_name: '周周', last_seq: 8, preview: 'new', owed_since: null, unread: 0 })
    }
  })

  it('never move the desk log back', () => {
    expect(mergeRow({ ...row, desk_last_seq: 5 }, { ...row, desk_last_seq: 2 }).desk_last_seq).toBe(5)
  })
})

describe('readings', () => {
  it('carry over the offers that still run and drop those that are over', () => {
    const state = read({ offers: [offered, { ...offered, offer_id: 'old', expires_at: NOW - 1 }] })
    expect(state.offers.map((offer) => offer.offer_id)).toEqual(['o1'])
  })

  it('set the clock by the server', () => {
    const none = { conversations: [], more: false }
    expect(snapshot(theDesk(NOW), { mine: none, waiting: none, all: none }, NOW - 2_500).skew).toBe(2_500)
  })

  it('add an older page without losing what is newer', () => {
    const older = { ...row, conversation_id: 'c-old', opened_at: 1 }
    const state = paged(read(), 'all', { conversations: [older], more: true })
    expect(Object.keys(state.rows).sort()).toEqual(['c-old', ID])
    expect(state.more).toEqual({ mine: false, waiting: false, all: true })
  })

  it('lay one\'s own answer into the row, which no event tells', () => {
    const entries = [...known.entries, textEntry(agent, '在的')]
    const state = logRead(read(), ID, { entries, marks: { ...known.marks, agent_read: row.last_seq }, loaded: true })
    expect(state.rows[ID]).toMatchObject({ last_seq: seq, preview: '在的', owed_since: null, unread: 0 })
  })

  it('ask for another look only when a bound line is not known', () => {
    const bound = { conversation_id: ID, order_id: '20261121-88231', line_id: '1', provenance: newer }
    expect(needsLook(read(), bound)).toBe(false)
    expect(needsLook(read(), { ...bound, line_id: '2' })).toBe(true)
    expect(needsLook(read(), { ...bound, order_id: 'x' })).toBe(true)
    expect(needsLook(read({ context: null }), bound)).toBe(false)
  })
})
