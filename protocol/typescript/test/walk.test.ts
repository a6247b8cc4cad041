import { describe, expect, test } from 'vitest'
import { LogClient, memoryKeep, storageKeep, type Keep, type Line, type LogSnapshot } from '../src/index.ts'
import { CALM, dice, ToyBrowser, ToyClock, ToyDesk } from './toy.ts'

const FULL = process.env['LIVEDESK_TEST_ROUNDS'] === 'full'
const WALKS = Number(process.env['LIVEDESK_WALKS'] ?? (FULL ? 60 : 20))
const STEPS = 60

interface Tab {
  client: LogClient<'/buyer'>
  keep: Keep
  close(): void
}

/** What one person wrote, in the order of writing, and whether a screen has ever shown it as failed. */
interface Written {
  clientId: string
  tab: number
  /** The conversation that was on the screen; null while one was being opened. */
  into: string | null
  failed: boolean
  /** Its page was left while it lived in memory only, which the page warns of. */
  abandoned: boolean
}

class Walk {
  readonly random: () => number
  readonly clock: ToyClock
  readonly desk: ToyDesk
  readonly browser = new ToyBrowser()
  readonly tabs: Tab[] = []
  readonly written: Written[] = []
  restored = false

  constructor(
    seed: number,
    readonly durable: boolean,
    tabs: number,
  ) {
    this.random = dice(seed)
    this.clock = new ToyClock(this.random)
    this.desk = new ToyDesk(this.clock)
    this.desk.page = 3 + Math.floor(this.random() * 8)
    for (let index = 0; index < tabs; index++) this.tabs.push(this.load())
    this.tabs[0]!.client.begin({ product_id: 'p1' }).catch(() => {})
  }

  load(): Tab {
    const { storage, page, close } = this.browser.tab()
    const keep = this.durable ? storageKeep(storage, 'shop/buyer', page) : memoryKeep()
    const client = new LogClient({
      namespace: '/buyer',
      dial: this.desk.dial('/buyer'),
      token: async () => 'a token of the toy desk',
      keep,
      clock: this.clock,
    })
    client.start()
    return { client, keep, close }
  }

  chance(share: number): boolean {
    return this.random() < share
  }

  pick(below: number): number {
    return Math.floor(this.random() * below)
  }

  /** One thing that people, networks or servers do. */
  step(): void {
    const index = this.pick(this.tabs.length)
    const tab = this.tabs[index]!
    const log = tab.client.current
    const act = this.random()
    if (act < 0.4 && log) {
      const line = log.sendText(`line ${this.written.length}`)
      this.written.push({ clientId: line.client_id, tab: index, into: log.snapshot.id, failed: false, abandoned: false })
    } else if (act < 0.55) {
      for (const id of this.desk.conversations.keys()) if (this.chance(0.7)) this.desk.agentSays(id, 'answer')
    } else if (act < 0.6 && log) {
      const mine = log.snapshot.entries.filter((entry) => entry.kind === 'text' && entry.sender.kind === 'buyer')
      const target = mine[this.pick(mine.length)]
      if (target) log.recall(target.seq)
    } else if (act < 0.66) {
      this.desk.cut()
    } else if (act < 0.71) {
      this.reload(index)
    } else if (act < 0.74) {
      this.desk.restore(this.pick(5))
      this.restored = true
    } else if (act < 0.78) {
      for (const id of this.desk.conversations.keys()) this.desk.close(id)
    } else if (act < 0.84) {
      tab.client.begin({ product_id: `p${this.pick(3)}` }).catch(() => {})
    } else if (act < 0.9 && log) {
      for (const line of log.snapshot.outbox) if (line.state === 'failed') log.retry(line.client_id)
    } else if (act < 0.95) {
      this.desk.weather = {
        loseCommand: this.chance(0.5) ? 0.1 : 0,
        loseAck: this.chance(0.5) ? 0.3 : 0,
        losePush: this.chance(0.5) ? 0.3 : 0,
        doublePush: 0.3,
        sayRetry: this.chance(0.3) ? 0.2 : 0,
        latePush: this.chance(0.5) ? 1_500 : 0,
      }
    } else {
      this.desk.reachable = !this.desk.reachable
      if (!this.desk.reachable) this.desk.cut()
    }
  }

  reload(index: number): void {
    const tab = this.tabs[index]!
    if (!tab.keep.durable) {
      const here = new Set(this.outboxes(tab).map((line) => line.client_id))
      for (const one of this.written) if (one.tab === index && here.has(one.clientId)) one.abandoned = true
    }
    // A crash: nothing is told to anybody, the old page only never acts again.
    tab.client.stop()
    tab.close()
    this.tabs[index] = this.load()
    if (!this.tabs[index].client.current) this.tabs[index].client.begin().catch(() => {})
  }

  logs(tab: Tab): LogSnapshot[] {
    const known = [...this.desk.histories.keys()].map((name) => name.split('/')[1]!)
    const named = [...new Set(known)].map((id) => tab.client.log(id).snapshot)
    const current = tab.client.current?.snapshot
    return current && current.id === null ? [current, ...named] : named
  }

  outboxes(tab: Tab): Line[] {
    return this.logs(tab).flatMap((log) => log.outbox)
  }

  /** At every instant: what is shown is a beginning of what the desk had, in its order, nothing twice. */
  look = (): void => {
    for (const tab of this.tabs) {
      const current = tab.client.current
      if (!current) continue
      current.attend(true)
      const { id, entries, outbox } = current.snapshot
      expect(entries.map((entry) => entry.seq)).toEqual(entries.map((_, index) => index + 1))
      if (id !== null && entries.length > 0) {
        const epoch = entries[entries.length - 1]!.message_id.split('-')[0]!
        const shown = entries.map((entry) => entry.message_id)
        const possible = [...this.desk.histories]
          .filter(([name]) => name.endsWith(`/${id}`))
          .map(([, had]) => had.entries.slice(0, shown.length).map((entry) => entry.message_id))
        expect(possible, epoch).toContainEqual(shown)
      }
      const ids = new Set(entries.map((entry) => entry.client_id))
      expect(outbox.filter((line) => ids.has(line.client_id))).toEqual([])
      expect(new Set(outbox.map((line) => line.client_id)).size).toBe(outbox.length)
      for (const line of outbox) {
        const one = this.written.find((written) => written.clientId === line.client_id)
        if (one && line.state === 'failed') one.failed = true
      }
    }
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      this.step()
      this.look()
      await this.clock.pass(this.random() ** 3 * 8_000, this.look)
    }
    this.desk.weather = { ...CALM }
    this.desk.reachable = true
    // Long enough for the longest pause and for a log that asks by itself.
    await this.clock.pass(180_000, this.look)
    for (const tab of this.tabs) if (!tab.client.current) tab.client.begin().catch(() => {})
    await this.clock.pass(120_000, this.look)
    // Opened only now, or not looked at for long: then a lost last push has not been noticed yet.
    for (const tab of this.tabs) for (const log of this.logs(tab)) if (log.id) tab.client.log(log.id).attend(true)
    await this.clock.pass(120_000, this.look)
  }

  judge(): void {
    for (const tab of this.tabs) {
      expect(tab.client.state.link.status).toBe('online')
      for (const log of this.logs(tab)) {
        const has = log.id === null ? undefined : this.desk.conversations.get(log.id)
        if (!has) continue
        expect(log.entries).toEqual(has.entries)
        expect(log.outbox.filter((line) => line.state !== 'failed')).toEqual([])
        expect(log.marks).toEqual(has.marks)
      }
    }
    const places = new Map<string, string[]>()
    for (const conversation of this.desk.conversations.values()) {
      for (const entry of conversation.entries) {
        if (!entry.client_id) continue
        places.set(entry.client_id, [...(places.get(entry.client_id) ?? []), `${conversation.id}:${entry.seq}`])
      }
    }
    const failed = new Set(this.tabs.flatMap((tab) => this.outboxes(tab)).map((line) => line.client_id))
    for (const one of this.written) {
      const stored = places.get(one.clientId) ?? []
      // Only a person's "again" after a failure of unknown outcome may put a line in two conversations.
      if (!one.failed) expect(stored.length, `${one.clientId} is stored once`).toBeLessThanOrEqual(1)
      const lostByRestore = this.restored && this.desk.stored.has(one.clientId)
      if (!one.abandoned && !lostByRestore) {
        expect(stored.length > 0 || failed.has(one.clientId), `${one.clientId} is stored or shown as failed`).toBe(true)
      }
    }
    if (this.restored) return
    for (let tab = 0; tab < this.tabs.length; tab++) {
      const order = new Map<string, number[]>()
      for (const one of this.written) {
        const place = one.failed || one.tab !== tab ? undefined : places.get(one.clientId)?.[0]
        if (!place) continue
        const [id, seq] = place.split(':') as [string, string]
        // A line that two tabs took along through several conversations has no order to keep in the last.
        if (one.into !== null && one.into !== id) continue
        order.set(id, [...(order.get(id) ?? []), Number(seq)])
      }
      for (const seqs of order.values()) expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
    }
  }
}

describe.each([
  { name: 'one tab', durable: true, tabs: 1 },
  { name: 'two tabs of one browser', durable: true, tabs: 2 },
  { name: 'refused storage', durable: false, tabs: 1 },
  { name: 'two devices', durable: false, tabs: 2 },
])('random walks, $name', ({ durable, tabs }) => {
  test.each(Array.from({ length: WALKS }, (_, index) => index + 1))(
    'walk %i ends with the screen equal to the log and no line lost in silence',
    async (seed) => {
      const walk = new Walk(seed, durable, tabs)
      await walk.run()
      walk.judge()
      walk.tabs.forEach((tab) => tab.client.stop())
    },
    60_000,
  )
})
