import type { Card, Line, LogSnapshot, PublicEntry } from '@livedesk/protocol'
import { describe, expect, test } from 'vitest'
import { rows, sendable, type MessageRow, type Row } from '../src/transcript.ts'

const T = 1_700_000_000_000

function entry(seq: number, side: 'buyer' | 'agent' | 'system', content: object, at = seq * 1_000): PublicEntry {
  return {
    seq,
    message_id: `m${seq}`,
    client_id: side === 'buyer' ? `c${seq}` : null,
    sender: { kind: side, name: side === 'agent' ? '木槿' : null },
    sent_at: T + at,
    ...content,
  } as PublicEntry
}
const text = (seq: number, side: 'buyer' | 'agent', says = `text ${seq}`, more: object = {}, at?: number): PublicEntry =>
  entry(seq, side, { kind: 'text', text: says, recalled: false, ...more }, at)

function line(id: string, content: Line['content'], more: Partial<Line> = {}): Line {
  return { client_id: id, conversation_id: 'c', created_at: T + 60_000, content, state: 'pending', ...more }
}

function log(entries: PublicEntry[], outbox: Line[] = [], marks: Partial<LogSnapshot['marks']> = {}): LogSnapshot {
  return {
    id: 'c',
    entries,
    desk: [],
    outbox,
    marks: { buyer_delivered: 0, buyer_read: 0, agent_delivered: 0, agent_read: 0, ...marks },
    state: 'open',
    agentName: null,
    position: null,
    typing: false,
    ownerId: null,
    fence: 0,
    loaded: true,
    refusal: null,
  }
}
const messages = (made: Row[]): MessageRow[] => made.filter((row): row is MessageRow => row.row === 'message')

describe('the transcript', () => {
  test('shows what is on the way under what is stored, with the same key before and after', () => {
    const before = messages(rows(log([text(1, 'agent')], [line('c2', { kind: 'text', text: 'hi' })])))
    const after = messages(rows(log([text(1, 'agent'), text(2, 'buyer', 'hi')])))
    expect(before[1]).toMatchObject({ key: 'c2', state: 'pending', mine: true })
    expect(after[1]).toMatchObject({ key: 'c2', state: 'sent', mine: true })
  })

  test('says how far one’s newest message came, and only of that one', () => {
    const made = messages(rows(log([text(1, 'buyer'), text(2, 'buyer'), text(3, 'agent')], [], { agent_delivered: 2, agent_read: 1 })))
    expect(made.map((row) => [row.state, row.showState])).toEqual([
      ['read', false],
      ['delivered', true],
      ['sent', false],
    ])
  })

  test('a failed line keeps its reason', () => {
    const failure = { code: 'conversation_closed', message: '' } as const
    const made = messages(rows(log([], [line('c1', { kind: 'text', text: 'x' }, { state: 'failed', failure })])))
    expect(made[0]).toMatchObject({ state: 'failed', failure, showState: true })
  })

  test('a recall is no row of its own: its message is, without its words', () => {
    const made = rows(log([text(1, 'agent', null as never, { recalled: true }), entry(2, 'agent', { kind: 'recall', recalled_seq: 1 })]))
    expect(messages(made)).toMatchObject([{ content: { kind: 'recalled' }, mine: false }])
  })

  test('a recall on its way fades the message, a refused one says why', () => {
    const failure = { code: 'recall_refused', message: '' } as const
    const sent = [text(1, 'buyer'), text(2, 'buyer')]
    const made = messages(
      rows(log(sent, [line('r1', { kind: 'recall', seq: 1 }), line('r2', { kind: 'recall', seq: 2 }, { state: 'failed', failure })])),
    )
    expect(made).toHaveLength(2)
    expect(made[0]).toMatchObject({ recalling: true, recallFailure: null })
    expect(made[1]).toMatchObject({ recalling: false, recallFailure: { clientId: 'r2', failure } })
  })

  test('names who begins to speak, and the time after a pause', () => {
    const made = rows(log([text(1, 'agent'), text(2, 'agent'), text(3, 'buyer'), text(4, 'agent', 'x', {}, 400_000)]))
    expect(made.map((row) => (row.row === 'message' ? row.name : row.row))).toEqual(['time', '木槿', null, null, 'time', '木槿'])
  })

  test('a quote shows what it quotes, also when that was taken back', () => {
    const made = messages(
      rows(log([text(1, 'agent', 'first'), text(2, 'buyer', 'second', { quote_seq: 1 }), text(3, 'agent', null as never, { recalled: true }), text(4, 'buyer', 'x', { quote_seq: 3 })])),
    )
    expect(made[1]!.quoted).toMatchObject({ mine: false, name: '木槿', text: 'first' })
    expect(made[3]!.quoted).toMatchObject({ text: null, card: null })
  })

  test('a context card and what happened stand between the messages', () => {
    const made = rows(
      log([
        entry(1, 'buyer', { kind: 'card', body: { card: 'context', topic: '退货' }, recalled: false }),
        entry(2, 'system', { kind: 'assigned', agent_name: '木槿' }),
        entry(3, 'system', { kind: 'transferred', to_name: '家电组' }),
        entry(4, 'system', { kind: 'requeued' }),
        entry(5, 'agent', { kind: 'closed', by: 'agent' }),
        entry(6, 'buyer', { kind: 'reopened', by: 'buyer' }),
      ]),
    )
    expect(made.map((row) => row.row)).toEqual(['time', 'context', 'assigned', 'transferred', 'requeued', 'closed', 'reopened'])
  })

  test('only what the conversation is about now, and was not sent yet, can be sent as a card', () => {
    const product: Card = { card: 'product', product_id: 'p1', title: 'One' }
    const second: Card = { card: 'product', product_id: 'p2', title: 'Two' }
    const order: Card = { card: 'order', order_id: 'o1', status: 'paid', total: 1, currency: 'CNY', placed_at: T, titles: ['Two'] }
    const context = (body: object, seq: number): PublicEntry => entry(seq, 'buyer', { kind: 'card', body: { card: 'context', ...body }, recalled: false })
    expect(sendable(log([context({ product }, 1)]))).toEqual([product])
    expect(sendable(log([context({ product }, 1), context({ product: second, order }, 2)]))).toEqual([second, order])
    const sent = entry(3, 'buyer', { kind: 'card', body: second, recalled: false })
    const onTheWay = line('c4', { kind: 'card', body: { card: 'order', order_id: 'o1' }, shown: order })
    expect(sendable(log([context({ product: second, order }, 2), sent], [onTheWay]))).toEqual([])
  })
})
