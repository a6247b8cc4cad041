import { describe, expect, test } from 'vitest'
import { LogClient, memoryKeep, openKeep, storageKeep, uuid7, unreadOf, receiptOf, type Keep } from '../src/index.ts'
import { LINE_MAX_AGE_MS, OUTBOX_MAX } from '../src/Outbox.ts'
import { CALM, dice, ToyBrowser, ToyClock, ToyDesk } from './toy.ts'

function rig(seed = 1, keep: Keep = memoryKeep()) {
  const clock = new ToyClock(dice(seed))
  const desk = new ToyDesk(clock)
  const load = (kept: Keep): LogClient<'/buyer'> => {
    const client = new LogClient({
      namespace: '/buyer',
      dial: desk.dial('/buyer'),
      token: async () => 'a token of the toy desk',
      keep: kept,
      clock,
    })
    client.start()
    return client
  }
  return { clock, desk, load, client: load(keep) }
}

describe('the outbox', () => {
  test('a message written before the conversation is open shows at once and is stored when it is', async () => {
    const { clock, desk, client } = rig()
    client.begin({ order_id: 'o1' }).catch(() => {})
    client.current!.sendText('还没连上就写了')
    expect(client.current!.snapshot).toMatchObject({ id: null, outbox: [{ state: 'pending' }] })
    await clock.pass(2_000)
    expect(client.current!.snapshot.outbox).toEqual([])
    expect(desk.conversations.get('c1')!.entries).toHaveLength(2)
    client.stop()
  })

  test('a lost ack ends in one row and one bubble, however long acks are lost', async () => {
    const { clock, desk, client } = rig(3)
    await begun(client, clock)
    desk.weather = { ...CALM, loseAck: 1, losePush: 1 }
    client.current!.sendText('hello')
    await clock.pass(60_000)
    desk.weather = { ...CALM }
    await clock.pass(60_000)
    const texts = desk.conversations.get('c1')!.entries.filter((entry) => entry.kind === 'text')
    expect(texts).toHaveLength(1)
    const { entries, outbox } = client.current!.snapshot
    expect(entries.filter((entry) => entry.kind === 'text')).toHaveLength(1)
    expect(outbox).toEqual([])
    client.stop()
  })

  test('a gap is fetched within a second', async () => {
    const { clock, desk, client } = rig(4)
    await begun(client, clock)
    desk.weather = { ...CALM, losePush: 1 }
    desk.agentSays('c1', 'one')
    desk.weather = { ...CALM }
    desk.agentSays('c1', 'two')
    await clock.pass(1_000)
    expect(client.current!.snapshot.entries).toEqual(desk.conversations.get('c1')!.entries)
    client.stop()
  })

  test('a server that never stops saying "retry" ends in a failed line with its reason', async () => {
    const { clock, desk, client } = rig(5)
    await begun(client, clock)
    desk.weather = { ...CALM, sayRetry: 1 }
    const line = client.current!.sendText('hello')
    await clock.pass(300_000)
    expect(client.current!.snapshot.outbox).toMatchObject([{ state: 'failed', failure: { code: 'retry' } }])
    expect(client.state.unsent).toBe(1)
    desk.weather = { ...CALM }
    client.current!.retry(line.client_id)
    await clock.pass(5_000)
    expect(client.current!.snapshot.outbox).toEqual([])
    client.stop()
  })

  test('a refusal fails the line at once and the next one goes on', async () => {
    const { clock, desk, client } = rig(6)
    await begun(client, clock)
    desk.agentSays('c1', 'mine')
    await clock.pass(1_000)
    const theirs = client.current!.snapshot.entries.length
    client.current!.recall(theirs)
    client.current!.sendText('next')
    await clock.pass(2_000)
    expect(client.current!.snapshot.outbox).toMatchObject([{ failure: { code: 'recall_refused' } }])
    expect(desk.conversations.get('c1')!.entries).toHaveLength(theirs + 1)
    client.stop()
  })

  test(`line ${OUTBOX_MAX + 1} is refused, not dropped`, async () => {
    const { client, desk } = rig()
    desk.reachable = false
    client.begin().catch(() => {})
    for (let index = 0; index < OUTBOX_MAX; index++) client.current!.sendText(`${index}`)
    expect(() => client.current!.sendText('one more')).toThrowError(expect.objectContaining({ code: 'too_many' }))
    expect(client.current!.snapshot.outbox).toHaveLength(OUTBOX_MAX)
    client.stop()
  })

  test('a line of yesterday is not sent without asking', async () => {
    const browser = new ToyBrowser()
    const { storage, page } = browser.tab()
    const { clock, desk, load, client } = rig(8, storageKeep(storage, 's/b', page))
    await begun(client, clock)
    desk.reachable = false
    desk.cut()
    client.current!.sendText('昨天')
    client.stop()
    await clock.pass(LINE_MAX_AGE_MS + 1)
    desk.reachable = true
    const again = load(storageKeep(storage, 's/b', page))
    await clock.pass(60_000)
    expect(again.current!.snapshot.outbox).toMatchObject([{ state: 'failed', failure: { code: 'expired' } }])
    again.stop()
  })

  test('a line that fails in an ended conversation comes to the present one to be decided', async () => {
    const { clock, desk, client } = rig(9)
    await begun(client, clock)
    desk.reachable = false
    desk.cut()
    const line = client.current!.sendText('问题')
    desk.close('c1')
    desk.reachable = true
    await clock.pass(60_000)
    expect(client.current!.snapshot).toMatchObject({
      id: 'c1',
      state: 'closed',
      outbox: [{ failure: { code: 'conversation_closed' } }],
    })
    client.begin().catch(() => {})
    await clock.pass(5_000)
    expect(client.current!.snapshot.id).toBe('c2')
    client.current!.retry(line.client_id)
    await clock.pass(5_000)
    expect(client.current!.snapshot.outbox).toEqual([])
    expect(desk.conversations.get('c2')!.entries.map((entry) => entry.client_id)).toContain(line.client_id)
    client.stop()
  })

  test('a begun opening survives a reload and is asked again with the same client id', async () => {
    const browser = new ToyBrowser()
    const { storage, page } = browser.tab()
    const { clock, desk, load, client } = rig(10, storageKeep(storage, 's/b', page))
    desk.weather = { ...CALM, loseAck: 1 }
    client.begin({ product_id: 'p1' }).catch(() => {})
    client.current!.sendText('in flight')
    await clock.pass(3_000)
    client.stop()
    desk.weather = { ...CALM }
    const again = load(storageKeep(storage, 's/b', page))
    await clock.pass(60_000)
    const opens = desk.heard.filter((one) => one.command === 'conversation.open')
    expect(new Set(opens.map((one) => one.payload['client_id'])).size).toBe(1)
    expect(again.current!.snapshot.entries).toHaveLength(2)
    again.stop()
  })

  test('lines go along when it turns out who the buyer is, and leave the old keep', async () => {
    const first = memoryKeep()
    const second = memoryKeep()
    const { clock, desk, client } = rig(11, first)
    desk.reachable = false
    client.begin().catch(() => {})
    client.current!.sendText('谁在说话')
    client.keepIn(second)
    expect(first.lines()).toEqual([])
    expect(first.opening()).toBeNull()
    expect(second.lines()).toHaveLength(1)
    expect(second.opening()).not.toBeNull()
    desk.reachable = true
    await clock.pass(60_000)
    expect(client.current!.snapshot.outbox).toEqual([])
    expect(second.lines()).toEqual([])
    expect(second.cursor()).toMatchObject({ conversation_id: 'c1', last_seq: 2 })
    client.stop()
  })

  test('what one tab throws away is gone in the other', async () => {
    const browser = new ToyBrowser()
    const one = browser.tab()
    const two = browser.tab()
    const { clock, desk, load, client } = rig(12, storageKeep(one.storage, 's/b', one.page))
    await begun(client, clock)
    const other = load(storageKeep(two.storage, 's/b', two.page))
    await clock.pass(5_000)
    desk.weather = { ...CALM, sayRetry: 1 }
    const line = client.current!.sendText('hm')
    await clock.pass(600_000)
    expect(other.current!.snapshot.outbox).toMatchObject([{ client_id: line.client_id, state: 'failed' }])
    client.current!.discard(line.client_id)
    expect(other.current!.snapshot.outbox).toEqual([])
    client.stop()
    other.stop()
  })
})

describe('keeping', () => {
  test('a browser that refuses storage gets memory, and says so', () => {
    const keep = openKeep('s/b', () => {
      throw new DOMException('refused', 'SecurityError')
    })
    expect(keep.durable).toBe(false)
    keep.setCursor({ conversation_id: 'c', epoch: 'e', last_seq: 3 })
    expect(keep.cursor()).toEqual({ conversation_id: 'c', epoch: 'e', last_seq: 3 })
  })

  test('storage that fills up is left for memory with everything that was in it', async () => {
    const browser = new ToyBrowser()
    const { storage } = browser.tab()
    const keep = openKeep('s/b', () => storage)
    expect(keep.durable).toBe(true)
    const line = { conversation_id: 'c', created_at: 1, content: { kind: 'text', text: 'x' }, state: 'pending' } as const
    keep.put({ ...line, client_id: uuid7(1) })
    browser.full = true
    keep.put({ ...line, client_id: uuid7(2) })
    expect(keep.durable).toBe(false)
    expect(keep.lines()).toHaveLength(2)
  })

  test('one scope never sees the lines of another, and rubbish is not a line', () => {
    const { storage, page } = new ToyBrowser().tab()
    const mine = storageKeep(storage, 'shop/me', page)
    const theirs = storageKeep(storage, 'shop/they', page)
    mine.put({ client_id: uuid7(1), conversation_id: null, created_at: 1, content: { kind: 'text', text: 'x' }, state: 'pending' })
    storage.setItem('livedesk/shop/me/line/rubbish', '{"cut off')
    expect(theirs.lines()).toEqual([])
    expect(mine.lines()).toHaveLength(1)
    theirs.wipe()
    expect(mine.lines()).toHaveLength(1)
    mine.wipe()
    expect(storage.length).toBe(0)
  })
})

describe('small things', () => {
  test('ids are UUIDv7 and sort in the order in which they were made, even when the clock steps back', () => {
    const ids = Array.from({ length: 9_000 }, (_, index) => uuid7(1_700_000_000_000 - index))
    expect(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toBe(true)
    expect([...ids].sort()).toEqual(ids)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('marks say how far a message came, and what is unread', async () => {
    const { clock, desk, client } = rig(13)
    await begun(client, clock)
    desk.agentSays('c1', 'one')
    desk.agentSays('c1', 'two')
    await clock.pass(1_000)
    const log = client.current!
    expect(unreadOf(log.snapshot.entries, log.snapshot.marks, 'buyer')).toBe(2)
    expect(desk.conversations.get('c1')!.marks.buyer_delivered).toBe(3)
    log.markRead()
    await clock.pass(1_000)
    expect(unreadOf(log.snapshot.entries, log.snapshot.marks, 'buyer')).toBe(0)
    expect(desk.conversations.get('c1')!.marks.buyer_read).toBe(3)
    const marks = { buyer_delivered: 0, buyer_read: 0, agent_delivered: 5, agent_read: 4 }
    expect([4, 5, 6].map((seq) => receiptOf(seq, marks, 'buyer'))).toEqual(['read', 'delivered', 'sent'])
    client.stop()
  })

  test('the other side is typing until it speaks or falls silent', async () => {
    const { clock, desk, client } = rig(14)
    await begun(client, clock)
    desk.say('chat.typing', { conversation_id: 'c1', by: 'agent' })
    await clock.pass(500)
    expect(client.current!.snapshot.typing).toBe(true)
    desk.agentSays('c1', 'here')
    await clock.pass(500)
    expect(client.current!.snapshot.typing).toBe(false)
    desk.say('chat.typing', { conversation_id: 'c1', by: 'agent' })
    await clock.pass(6_000)
    expect(client.current!.snapshot.typing).toBe(false)
    desk.say('chat.typing', { conversation_id: 'c1', by: 'buyer' })
    await clock.pass(500)
    expect(client.current!.snapshot.typing).toBe(false)
    client.stop()
  })

  test('own typing is told now and then, not with every key', async () => {
    const { clock, desk, client } = rig(15)
    await begun(client, clock)
    for (let key = 0; key < 50; key++) {
      client.current!.type()
      await clock.pass(100)
    }
    expect(desk.heard.filter((one) => one.command === 'chat.type')).toHaveLength(2)
    client.stop()
  })
})

async function begun(client: LogClient<'/buyer'>, clock: ToyClock): Promise<void> {
  client.begin().catch(() => {})
  await clock.pass(2_000)
}
