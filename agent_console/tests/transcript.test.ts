import type { CallEntry, Line } from '@livedesk/protocol'
import { describe, expect, it } from 'vitest'
import { transcript, type Logs, type MessageLine } from '../src/desk/transcript.ts'

const marks = { buyer_delivered: 0, buyer_read: 0, agent_delivered: 0, agent_read: 0 }
const buyer = { kind: 'buyer' as const, id: 'b', name: '王小雨' }
const agent = { kind: 'agent' as const, id: 'p', name: '林小满' }
const day = () => 'one day'
const M = 60_000

const text = (seq: number, at: number, sender: typeof buyer | typeof agent, words: string | null, more: object = {}) => ({
  kind: 'text' as const, seq, message_id: `m${seq}`, client_id: null, sender, sent_at: at, text: words, ...more,
})
const own = (client_id: string, content: Line['content'], state: Line['state'], more: Partial<Line> = {}): Line => ({
  client_id, conversation_id: 'c', created_at: 99 * M, content, state, ...more,
})
const logs = (more: Partial<Logs>): Logs => ({ entries: [], desk: [], outbox: [], marks, ...more })
const messages = (it: Logs) => transcript(it, day).filter((line): line is MessageLine => line.type === 'message')

describe('the transcript', () => {
  it('shows both logs in order of time, and what is on its way last', () => {
    const lines = transcript(
      logs({
        entries: [text(1, 1 * M, buyer, '在吗'), text(2, 3 * M, agent, '在的')],
        desk: [{ kind: 'note', seq: 1, message_id: 'n', sender: agent, sent_at: 2 * M, text: '老客户' }],
        outbox: [own('u1', { kind: 'text', text: '稍等' }, 'pending')],
      }),
      day,
    )
    expect(lines.map((line) => line.type)).toEqual(['day', 'message', 'note', 'message', 'message'])
    expect(lines.map((line) => line.key)).toEqual(['dayone day', 'p1', 'd1', 'p2', 'ou1'])
  })

  it('tells sent, delivered and read by the buyer\'s marks, for agents\' lines only', () => {
    const entries = [text(1, 0, buyer, 'a'), text(2, 0, agent, 'b'), text(3, 0, agent, 'c'), text(4, 0, agent, 'd')]
    const lines = messages(logs({ entries, marks: { ...marks, buyer_delivered: 3, buyer_read: 2 } }))
    expect(lines.map((line) => line.delivery)).toEqual([null, 'read', 'delivered', 'sent'])
  })

  it('shows a failed line with its reason and keeps its words', () => {
    const failure = { code: 'stale_fence' as const, message: 'x' }
    const [line] = messages(logs({ outbox: [own('u', { kind: 'text', text: '给您补券' }, 'failed', { failure })] }))
    expect(line).toMatchObject({ delivery: 'failed', failure, text: '给您补券', clientId: 'u' })
  })

  it('shows a recalled message without its words and no line for the recall itself', () => {
    const entries = [
      text(1, 0, agent, null, { recalled: true }),
      { kind: 'recall' as const, seq: 2, message_id: 'r', sender: agent, sent_at: 1, recalled_seq: 1 },
    ]
    const lines = transcript(logs({ entries }), day)
    expect(lines.filter((line) => line.type !== 'day')).toHaveLength(1)
    expect(lines[1]).toMatchObject({ recalled: true, text: null })
  })

  it('marks a message whose recall is under way, and not one whose recall failed', () => {
    const entries = [text(1, 0, agent, 'x')]
    const under = messages(logs({ entries, outbox: [own('r', { kind: 'recall', seq: 1 }, 'pending')] }))
    expect(under).toHaveLength(1)
    expect(under[0]?.recalling).toBe(true)
    const failed = messages(logs({ entries, outbox: [own('r', { kind: 'recall', seq: 1 }, 'failed')] }))
    expect(failed[0]?.recalling).toBe(false)
  })

  it('resolves a quote, and says nothing of a recalled one', () => {
    const entries = [text(1, 0, buyer, '有货吗'), text(2, 0, agent, '有的', { quote_seq: 1 }), text(3, 0, buyer, null, { recalled: true }), text(4, 0, agent, '好', { quote_seq: 3 })]
    const lines = messages(logs({ entries }))
    expect(lines[1]?.quote).toEqual({ seq: 1, name: '王小雨', text: '有货吗' })
    expect(lines[3]?.quote).toEqual({ seq: 3, name: '王小雨', text: null })
  })

  it('joins what one sender wrote in a row within two minutes', () => {
    const entries = [text(1, 0, buyer, 'a'), text(2, M, buyer, 'b'), text(3, 4 * M, buyer, 'c'), text(4, 4 * M, agent, 'd')]
    expect(messages(logs({ entries })).map((line) => line.follows)).toEqual([false, true, false, false])
  })

  it('draws a line where the day changes', () => {
    const entries = [text(1, 0, buyer, 'a'), text(2, 10, buyer, 'b')]
    const lines = transcript(logs({ entries }), (at) => (at < 5 ? 'd1' : 'd2'))
    expect(lines.map((line) => line.type)).toEqual(['day', 'message', 'day', 'message'])
  })

  it('can leave out the earliest entries with the notes before them', () => {
    const entries = [text(1, M, buyer, 'a'), text(2, 5 * M, buyer, 'b')]
    const desk = [
      { kind: 'note' as const, seq: 1, message_id: 'n1', sender: agent, sent_at: 2 * M, text: 'old' },
      { kind: 'note' as const, seq: 2, message_id: 'n2', sender: agent, sent_at: 6 * M, text: 'new' },
    ]
    expect(transcript(logs({ entries, desk }), day, 1).map((line) => line.key)).toEqual(['dayone day', 'p2', 'd2'])
  })

  it('tells what happened to the conversation, to whom and by whom', () => {
    const system = { kind: 'system' as const }
    const entries = [
      { kind: 'assigned' as const, seq: 1, message_id: 'a', sender: system, sent_at: 0, agent_name: '林小满' },
      { kind: 'transferred' as const, seq: 2, message_id: 'b', sender: system, sent_at: 0, to_name: '尺码顾问' },
      { kind: 'requeued' as const, seq: 3, message_id: 'c', sender: system, sent_at: 0 },
      { kind: 'closed' as const, seq: 4, message_id: 'd', sender: agent, sent_at: 0, by: 'agent' as const },
      { kind: 'reopened' as const, seq: 5, message_id: 'e', sender: buyer, sent_at: 0, by: 'buyer' as const },
    ]
    const lines = transcript(logs({ entries }), day).filter((line) => line.type === 'system')
    expect(lines.map((line) => (line.type === 'system' ? [line.what, line.name, line.by] : null))).toEqual([
      ['assigned', '林小满', null],
      ['transferred', '尺码顾问', null],
      ['requeued', null, null],
      ['closed', '林小满', 'agent'],
      ['reopened', '王小雨', 'buyer'],
    ])
  })

  it('has a line for a call that was booked, taken back, and is due', () => {
    const entries = (['booked', 'cancelled', 'due'] as const).map((happened, index) => ({ kind: 'booking' as const, seq: index + 1, message_id: `b${index}`, sender: buyer, sent_at: 0, happened, at: 60_000, media: 'voice' as const }))
    const lines = transcript(logs({ entries }), day).filter((line) => line.type === 'booking')
    expect(lines.map((line) => [line.happened, line.name, line.for, line.media])).toEqual([
      ['booked', '王小雨', 60_000, 'voice'],
      ['cancelled', '王小雨', 60_000, 'voice'],
      ['due', '王小雨', 60_000, 'voice'],
    ])
  })

  it('has a line for each call that began, ended or was missed, with how long and why', () => {
    const call = (seq: number, more: Pick<CallEntry, 'happened' | 'reason' | 'duration_ms'>) => ({ kind: 'call' as const, seq, message_id: `k${seq}`, sender: buyer, sent_at: 0, call_id: 'c', media: 'video' as const, invited_by: 'buyer' as const, ...more })
    const entries = [
      call(1, { happened: 'started' }),
      call(2, { happened: 'ended', reason: 'hung_up', duration_ms: 61_000 }),
      call(3, { happened: 'missed', reason: 'no_answer' }),
    ]
    const lines = transcript(logs({ entries }), day).filter((line) => line.type === 'call')
    expect(lines.map((line) => [line.happened, line.reason ?? null, line.durationMs, line.invitedBy])).toEqual([
      ['started', null, null, 'buyer'],
      ['ended', 'hung_up', 61_000, 'buyer'],
      ['missed', 'no_answer', null, 'buyer'],
    ])
  })
})
