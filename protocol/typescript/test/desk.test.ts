import { expect, test } from 'vitest'
import { LogClient, storageKeep, type ConversationLog, type LogClientOptions } from '../src/index.ts'
import { CALM, dice, ToyBrowser, ToyClock, ToyDesk } from './toy.ts'

const agentOf = (desk: ToyDesk, clock: ToyClock, more: Partial<LogClientOptions<'/agent'>> = {}): LogClient<'/agent'> =>
  new LogClient({ namespace: '/agent', dial: desk.dial('/agent'), token: async () => 'a token of the toy desk', clock, ...more })

const WALKS = Number(process.env['LIVEDESK_WALKS'] ?? 60)

test.each(Array.from({ length: WALKS }, (_, index) => index + 1))(
  'agent walk %i: both logs end equal to the desk, an old fence never writes, every line is stored or failed',
  async (seed) => {
    const random = dice(seed)
    const clock = new ToyClock(random)
    const desk = new ToyDesk(clock)
    desk.page = 3
    const id = desk.begin()
    desk.own(id, 'me')
    const { storage, page } = new ToyBrowser().tab()
    const load = (): { client: LogClient<'/agent'>; log: ConversationLog } => {
      const keep = storageKeep(storage, 'agent/me', page)
      const client = agentOf(desk, clock, { keep, mayMark: (log) => log.ownerId === 'me' })
      client.start()
      const log = client.log(id)
      log.attend(true)
      return { client, log }
    }
    let { client, log } = load()
    const written: { clientId: string; note: boolean }[] = []
    const look = (): void => {
      const { entries, desk: notes } = log.snapshot
      expect(entries.map((entry) => entry.seq)).toEqual(entries.map((_, index) => index + 1))
      expect(notes.map((entry) => entry.seq)).toEqual(notes.map((_, index) => index + 1))
    }
    for (let step = 0; step < 60; step++) {
      const act = random()
      if (act < 0.3) written.push({ clientId: log.sendText(`text ${step}`).client_id, note: false })
      else if (act < 0.5) written.push({ clientId: log.sendNote(`note ${step}`).client_id, note: true })
      else if (act < 0.65) desk.buyerSays(id, 'question')
      else if (act < 0.75) desk.note(id, 'a word of a colleague')
      else if (act < 0.82) desk.own(id, random() < 0.6 ? 'me' : 'someone')
      else if (act < 0.88) desk.cut()
      else if (act < 0.92) {
        client.stop()
        ;({ client, log } = load())
      } else {
        desk.weather = { ...CALM, loseAck: random() * 0.3, losePush: random() * 0.3, latePush: random() * 1_500, doublePush: 0.2 }
      }
      await clock.pass(random() ** 3 * 8_000, look)
    }
    desk.weather = { ...CALM }
    desk.own(id, 'me')
    await clock.pass(240_000, look)
    const has = desk.conversations.get(id)!
    expect(log.snapshot.entries).toEqual(has.entries)
    expect(log.snapshot.desk).toEqual(has.desk)
    expect(log.snapshot.fence).toBe(has.fence)
    expect(log.snapshot.marks.agent_delivered).toBe(has.marks.agent_delivered)
    for (const { clientId, note } of written) {
      const stored = (note ? has.desk : has.entries).filter((entry) => entry.client_id === clientId).length
      const line = log.snapshot.outbox.find((one) => one.client_id === clientId)
      expect(line?.state ?? 'stored').toBe(stored === 1 ? 'stored' : 'failed')
    }
    for (const line of log.snapshot.outbox) expect(line.failure?.code).toBe('stale_fence')
    client.stop()
  },
)

test('an agent who only looks tells no marks, and one who comes to own does', async () => {
  const clock = new ToyClock(dice(1))
  const desk = new ToyDesk(clock)
  const id = desk.begin()
  desk.buyerSays(id, 'hello')
  desk.own(id, 'someone')
  const client = agentOf(desk, clock, { mayMark: (log) => log.ownerId === 'me' })
  client.start()
  const log = client.log(id)
  await clock.pass(2_000)
  log.markRead()
  await clock.pass(2_000)
  expect(desk.heard.filter((one) => one.command === 'chat.mark')).toEqual([])
  desk.own(id, 'me')
  await clock.pass(2_000)
  expect(desk.conversations.get(id)!.marks).toMatchObject({ agent_delivered: 2, agent_read: 2, buyer_read: 0 })
  client.stop()
})

test('a line refused for its fence is failed, and the same line goes out again under the present one', async () => {
  const clock = new ToyClock(dice(2))
  const desk = new ToyDesk(clock)
  const id = desk.begin()
  desk.own(id, 'me')
  const client = agentOf(desk, clock)
  client.start()
  const log = client.log(id)
  await clock.pass(2_000)
  desk.weather = { ...CALM, losePush: 1 }
  desk.own(id, 'someone')
  const line = log.sendText('too late')
  await clock.pass(2_000)
  expect(log.snapshot.outbox).toMatchObject([{ state: 'failed', failure: { code: 'stale_fence' } }])
  desk.weather = { ...CALM }
  desk.own(id, 'me')
  await clock.pass(2_000)
  log.retry(line.client_id)
  await clock.pass(2_000)
  expect(log.snapshot.outbox).toEqual([])
  expect(log.snapshot.entries.filter((entry) => entry.client_id === line.client_id)).toHaveLength(1)
  client.stop()
})

test('what an owner writes while the first read is on its way goes out under the fence that he has', async () => {
  const clock = new ToyClock(dice(3))
  const desk = new ToyDesk(clock)
  const id = desk.begin()
  desk.own(id, 'me')
  const client = agentOf(desk, clock)
  client.start()
  await clock.pass(2_000)
  const log = client.log(id)
  log.owned(desk.conversations.get(id)!.fence, 'me')
  const fences = new Set<number>()
  log.subscribe(() => fences.add(log.snapshot.fence))
  for (let step = 0; step < 10; step++) {
    log.sendText(`step ${step}`)
    await clock.pass(20)
  }
  await clock.pass(2_000)
  expect(log.snapshot.loaded).toBe(true)
  expect([...fences]).toEqual([desk.conversations.get(id)!.fence])
  expect(log.snapshot.outbox).toEqual([])
  client.stop()
})
