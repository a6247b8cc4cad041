import { browserClock, type Clock } from './clock.ts'
import { socketIoDial, type Dial, type Namespace, type Wires } from './connection.ts'
import { ConversationLog } from './ConversationLog.ts'
import type { LogHost, LogSnapshot } from './host.ts'
import { uuid7 } from './ids.ts'
import { memoryKeep, type Keep, type Line } from './keep.ts'
import { Link, type LinkState, type TokenSource } from './link.ts'
import type { Side } from './log.ts'
import { ATTEMPTS } from './Outbox.ts'
import { Refusal, asRefusal, isTransient, needsToken, retryAfter } from './refusal.ts'
import type { AgentEvents, BuyerEvents, Ended, Open, Opened } from './wire.ts'

export type CommandName<N extends Namespace> = keyof Wires[N]['commands'] & string
export type RequestOf<N extends Namespace, C extends CommandName<N>> = Wires[N]['commands'][C] extends {
  request: infer R
}
  ? R
  : never
export type ReplyOf<N extends Namespace, C extends CommandName<N>> = Wires[N]['commands'][C] extends {
  reply: infer R
}
  ? R
  : never
export type EventName<N extends Namespace> = keyof Wires[N]['events'] & string

export interface LogClientOptions<N extends Namespace> {
  readonly namespace: N
  /**
   * Gives the token for the next connection; called before every attempt. `renew` means that the last
   * one was not accepted. A `Refusal` thrown here stops the client (`link.status === 'refused'`) unless
   * its code passes by itself (offline, retry, rate_limited, …).
   */
  readonly token: TokenSource
  /** The desk's origin, e.g. `location.origin`; or `dial` for something else than Socket.IO. */
  readonly origin?: string
  readonly dial?: Dial
  /** Default: memory. Give `openKeep('<shop>/<person>')` in a browser. */
  readonly keep?: Keep
  readonly clock?: Clock
  /** Agents: `(log) => log.ownerId === me`, because only the owner's marks count. Default: always. */
  readonly mayMark?: (log: LogSnapshot) => boolean
}

/** The client at one instant; a changed one is another object. */
export interface ClientState {
  readonly link: LinkState
  /** Buyers: the conversation one is in; null before the first, and while that is being opened. */
  readonly currentId: string | null
  /** Buyers: an opening is on its way; lines wait for it. */
  readonly opening: boolean
  /** Lines that no server has, failed ones included. */
  readonly unsent: number
  /** Unsent lines survive leaving the page. */
  readonly durable: boolean
}

/** Lines kept by another tab are taken over when that tab has not got rid of them within this. */
export const ADOPT_AFTER_MS = 2_000

/**
 * The desk's one client, for buyers and agents: a connection that comes back, requests with answers, and
 * conversations that are exactly what the server has, in order, with one's own words never lost in silence.
 *
 * ```ts
 * const client = new LogClient({ namespace: '/agent', origin: location.origin, token: fetchSocketToken,
 *                                keep: openKeep(`agent/${me}`), mayMark: (log) => log.ownerId === me })
 * client.subscribe(() => render(client.state))      // link status, unsent lines
 * client.on('conversation.offered', (offer) => …)   // typed by the catalogue
 * client.start()
 * const desk = await client.insist('desk.load', {}) // waits for a connection, repeats until answered
 * const log = client.log(conversationId)            // reads both logs, follows them, sends what waits
 * log.subscribe(() => render(log.snapshot))         // entries, desk, outbox, marks, state, fence …
 * log.sendText('在的'); log.sendNote('老客户'); log.recall(12); log.retry(id); log.discard(id)
 * log.markRead(); log.type(); log.attend(true)
 * ```
 *
 * What it promises
 * - `snapshot.entries` is the server's log from seq 1 on: same order, no gap, no entry twice. Under it the
 *   screen shows `snapshot.outbox`: one's own lines until their entry is in the log (matched by client id,
 *   so nothing is ever shown twice).
 * - Every line written ends as an entry or, visibly, as `failed` with a reason, whatever the network does:
 *   it is kept before it is sent and sent with the same client id until it is answered. After a reload the
 *   same `Keep` brings it back; another tab may send it too, which the client id makes harmless.
 * - Marks only go forward. `receiptOf(seq, marks, side)` and `unreadOf(entries, marks, side)` read them.
 * - After a lost connection: full jitter between 0.5 and 30 s, or as the server asked; then every log reads
 *   from its cursor. A database that was replaced (`resync`) is read from the start, the outbox kept.
 *   `link.generation` rises with each connection: ask for `desk.load` or `conversation.look` again then.
 * - An agent who does not own a conversation must `conversation.look` at it BEFORE `client.log(id)`, else an
 *   entry stored between the two would only show with the next one.
 * - The fence goes with every write by itself (from `chat.sync`, `conversation.taken`, `.changed`,
 *   `.accept`, `.reopen`); a line refused as `stale_fence` is `failed`, `retry` stamps the present one.
 *
 * Rejections and throws are `Refusal {code, message, data}` with the server's code or a local one
 * (`offline`, `timeout`, `ended`, …).
 */
export class LogClient<N extends Namespace> {
  readonly side: Side
  private keep: Keep
  private readonly clock: Clock
  private readonly link: Link
  private readonly logs = new Map<string, ConversationLog>()
  private currentLog: ConversationLog | null = null
  private opening: Open | null = null
  private openingRun: Promise<string> | null = null
  private readonly host: LogHost
  private readonly eventListeners = new Map<string, Set<(payload: never) => void>>()
  private readonly listeners = new Set<() => void>()
  private readonly onlineWaiters = new Set<{ resolve(): void; reject(refusal: Refusal): void }>()
  private snap: ClientState | null = null
  private unwatch: () => void = () => {}
  private cancelAdopt: (() => void) | null = null

  constructor(options: LogClientOptions<N>) {
    this.side = options.namespace === '/buyer' ? 'buyer' : 'agent'
    this.clock = options.clock ?? browserClock
    this.keep = options.keep ?? memoryKeep()
    const dial = options.dial ?? socketIoDial(options.origin ?? '', options.namespace)
    this.link = new Link(dial, options.token, this.clock, {
      changed: () => this.linkChanged(),
      event: (name, payload) => this.heard(name, payload),
    })
    const self = this
    this.host = {
      namespace: options.namespace,
      side: this.side,
      clock: this.clock,
      get keep() {
        return self.keep
      },
      get online() {
        return self.link.online
      },
      get opening() {
        return self.opening !== null
      },
      request: (command, payload) => this.link.request(command, payload),
      mayMark: options.mayMark ?? (() => true),
      cursorMoved: (cursor) => {
        if (this.currentLog?.snapshot.id === cursor.conversation_id) this.keep.setCursor(cursor)
      },
      failed: (clientId, conversationId) => this.decideHere((line) => line.client_id === clientId, conversationId),
      changed: () => this.changed(),
    }
    this.restore()
  }

  // State ----------------------------------------------------------------------------------------------

  get state(): ClientState {
    return (this.snap ??= {
      link: this.link.state,
      currentId: this.currentLog?.snapshot.id ?? null,
      opening: this.opening !== null,
      unsent: this.allLogs().reduce((sum, log) => sum + log.snapshot.outbox.filter(isUnsent).length, 0),
      durable: this.keep.durable,
    })
  }

  /** Calls after a change of `state`. The answer ends it. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  /** Calls with every event of that name, after the logs have taken it in. The answer ends it. */
  on<E extends EventName<N>>(event: E, listener: (payload: Wires[N]['events'][E]) => void): () => void {
    const set = this.eventListeners.get(event) ?? new Set()
    this.eventListeners.set(event, set)
    set.add(listener as (payload: never) => void)
    return () => void set.delete(listener as (payload: never) => void)
  }

  // Connection -----------------------------------------------------------------------------------------

  /** Connects, and stays connected until `stop`. Called again after `refused` it is a new beginning. */
  start(): void {
    this.unwatch()
    this.unwatch = this.keep.watch(() => this.keptElsewhere())
    this.link.start()
    if (this.opening) this.runOpening().catch(() => {})
  }

  /** Ends it. May be called twice; unsent lines stay in the keep. */
  stop(): void {
    this.unwatch()
    this.cancelAdopt?.()
    this.link.stop()
    for (const waiter of [...this.onlineWaiters]) waiter.reject(new Refusal('ended', 'The client was stopped.'))
    this.allLogs().forEach((log) => log.dispose())
  }

  /** The page is visible again, or the network is back: connect now, or read what may have been missed. */
  nudge(): void {
    if (this.link.online) this.allLogs().forEach((log) => log.refresh())
    else this.link.nudge()
  }

  /** The network beneath has changed: a connection over the old one would hang for long. */
  redial(): void {
    this.link.redial()
  }

  /** A better token is to be had (another identity): connect anew with it. */
  renewToken(): void {
    this.link.renew()
    this.link.start()
  }

  // Requests -------------------------------------------------------------------------------------------

  /** Asks once, now. Rejects with `offline` or `timeout` when the outcome is unknown. */
  async request<C extends CommandName<N>>(
    command: C,
    payload: RequestOf<N, C>,
    timeoutMs?: number,
  ): Promise<ReplyOf<N, C>> {
    const reply = (await this.link.request(command, payload, timeoutMs)) as ReplyOf<N, C>
    this.learn(payload, reply)
    return reply
  }

  /**
   * Asks until there is an answer: waits for a connection, repeats after a lost one. Only for reads and
   * for commands with a `client_id`, whose repetition gets the same answer.
   */
  async insist<C extends CommandName<N>>(command: C, payload: RequestOf<N, C>): Promise<ReplyOf<N, C>> {
    for (let attempts = 1; ; ) {
      await this.whenOnline()
      try {
        return await this.request(command, payload)
      } catch (thrown) {
        const refusal = asRefusal(thrown)
        if (refusal.code === 'offline' || needsToken(refusal.code)) continue
        if (!isTransient(refusal.code) || attempts++ >= ATTEMPTS) throw refusal
        const pause = Math.min(30_000, 500 * 2 ** attempts) * (0.5 + this.clock.random() / 2)
        await new Promise<void>((resolve) => this.clock.after(retryAfter(refusal) ?? pause, resolve))
      }
    }
  }

  newClientId(): string {
    return uuid7(this.clock.now())
  }

  // Conversations --------------------------------------------------------------------------------------

  /** The log of a conversation; the same object until `forget`. Reads it at once when connected. */
  log(id: string): ConversationLog {
    const known = this.logs.get(id)
    if (known) return known
    const log = new ConversationLog(this.host, id, this.keep.cursor())
    this.logs.set(id, log)
    log.adopt(this.keep.lines().filter((line) => line.conversation_id === id))
    if (this.link.online) log.connected()
    return log
  }

  /** Stops following a conversation. One with unsent lines stays until they are sent or discarded. */
  forget(id: string): void {
    const log = this.logs.get(id)
    if (!log || log === this.currentLog) return
    log.attend(false)
    if (log.snapshot.outbox.some(isUnsent)) return
    log.dispose()
    this.logs.delete(id)
  }

  /** Buyers: the log to show. Exists from `begin` on, and after a reload while a conversation is kept. */
  get current(): ConversationLog | null {
    return this.currentLog
  }

  /**
   * Buyers: opens a conversation, or goes on with the open one; told where the buyer stands. Lines may be
   * written into `current` at once: they wait until the server has named the conversation. Kept, so that a
   * reload asks again for the same. Rejects when the server refuses; lines are `failed` then.
   */
  begin(this: LogClient<'/buyer'>, where: Omit<Open, 'client_id'> = {}): Promise<string> {
    this.opening = { client_id: this.newClientId(), ...where }
    this.keep.setOpening(this.opening)
    this.currentLog ??= new ConversationLog(this.host, null)
    this.changed()
    return this.runOpening()
  }

  /**
   * Goes over to another keep, taking along what the present one has: when it turns out who the buyer is,
   * or when a visitor has signed in. Lines in both are one.
   */
  keepIn(keep: Keep): void {
    const before = this.keep
    if (before === keep) return
    const kept = keep.lines()
    const cursor = keep.cursor()
    this.keep = keep
    if (this.opening) keep.setOpening(this.opening)
    else if (keep.opening()) this.opening = keep.opening()
    if (this.side === 'buyer' && cursor && (this.currentLog?.snapshot.id ?? null) === null) {
      const unnamed = this.currentLog
      this.currentLog = this.log(cursor.conversation_id)
      this.currentLog.adopt(unnamed?.release(() => true) ?? [])
      unnamed?.dispose()
    }
    this.allLogs().forEach((log) => log.keepAgain())
    this.adopt(kept)
    this.decideHere(() => true)
    before.wipe()
    if (this.opening) this.runOpening().catch(() => {})
    this.unwatch()
    this.unwatch = keep.watch(() => this.keptElsewhere())
    this.changed()
  }

  // --------------------------------------------------------------------------------------------------

  private allLogs(): ConversationLog[] {
    const named = [...this.logs.values()]
    return this.currentLog && !named.includes(this.currentLog) ? [this.currentLog, ...named] : named
  }

  private restore(): void {
    const cursor = this.side === 'buyer' ? this.keep.cursor() : null
    const lines = this.keep.lines()
    this.opening = this.side === 'buyer' ? this.keep.opening() : null
    if (cursor) this.currentLog = this.log(cursor.conversation_id)
    else if (this.opening) this.currentLog = new ConversationLog(this.host, null)
    this.adopt(lines)
    this.decideHere(() => true)
  }

  private adopt(lines: readonly Line[]): void {
    for (const line of lines) {
      if (line.conversation_id !== null) this.log(line.conversation_id).adopt([line])
      else if (this.side === 'buyer') {
        this.currentLog ??= new ConversationLog(this.host, null)
        this.currentLog.adopt([line])
      }
    }
  }

  private runOpening(): Promise<string> {
    this.openingRun ??= this.open().finally(() => {
      this.openingRun = null
    })
    return this.openingRun
  }

  private async open(): Promise<string> {
    let id = ''
    while (this.opening) {
      const asked = this.opening
      try {
        const opened = await (this as unknown as LogClient<'/buyer'>).insist('conversation.open', asked)
        id = opened.conversation_id
        this.nowIn(opened)
        if (this.opening === asked) this.setOpening(null)
      } catch (thrown) {
        const refusal = asRefusal(thrown)
        if (refusal.code === 'ended') throw refusal
        if (this.opening !== asked) continue
        if (this.currentLog?.snapshot.id === null) {
          this.currentLog.fail({ code: refusal.code, message: refusal.message })
        }
        this.setOpening(null)
        throw refusal
      }
    }
    return id
  }

  private setOpening(opening: Open | null): void {
    this.opening = opening
    this.keep.setOpening(opening)
    if (!opening) this.allLogs().forEach((log) => log.pump())
    this.changed()
  }

  /**
   * The server named the conversation. Lines that never left, or are for the person to decide, go there;
   * those whose answer was lost ask again where they were first sent, or they could be stored twice.
   */
  private nowIn(opened: Opened): void {
    const { conversation_id: id } = opened
    const before = this.currentLog
    const beforeId = before?.snapshot.id ?? null
    let log: ConversationLog
    if (before && beforeId === null && !this.logs.has(id)) {
      log = before
      this.logs.set(id, log)
    } else log = this.log(id)
    this.currentLog = log
    log.opened(id, opened.epoch, opened.last_seq)
    if (before && before !== log) {
      log.adopt(before.release((line) => !line.tried || line.state === 'failed'))
      if (beforeId === null) before.dispose()
    }
    if (opened.position !== undefined) log.moved(opened.position)
    if (this.link.online) log.connected()
    this.changed()
  }

  private whenOnline(): Promise<void> {
    if (this.link.online) return Promise.resolve()
    if (this.link.state.status === 'stopped') {
      return Promise.reject(new Refusal('ended', 'The client was stopped.'))
    }
    return new Promise((resolve, reject) => {
      const waiter = {
        resolve: () => void (this.onlineWaiters.delete(waiter), resolve()),
        reject: (refusal: Refusal) => void (this.onlineWaiters.delete(waiter), reject(refusal)),
      }
      this.onlineWaiters.add(waiter)
    })
  }

  private linkChanged(): void {
    const online = this.link.online
    for (const log of this.allLogs()) {
      if (online) log.connected()
      else log.disconnected()
    }
    if (online) for (const waiter of [...this.onlineWaiters]) waiter.resolve()
    this.changed()
  }

  private heard(name: string, payload: unknown): void {
    if (name === 'session.ended') this.sessionEnded(payload as Ended)
    else if (name === 'server.stopped') this.link.wait((payload as { retry_after_ms: number }).retry_after_ms)
    else this.route(name as Routed, payload as never)
    for (const listener of [...(this.eventListeners.get(name) ?? [])]) listener(payload as never)
  }

  private route<E extends Routed>(name: E, payload: Parameters<(typeof TO_LOG)[E]>[1]): void {
    const toLog = TO_LOG[name] as ((log: ConversationLog, payload: unknown) => void) | undefined
    if (!toLog) return
    const { conversation_id, summary } = payload as { conversation_id?: string; summary?: { conversation_id: string } }
    const log = this.logs.get(conversation_id ?? summary?.conversation_id ?? '')
    if (log) toLog(log, payload)
  }

  private sessionEnded(ended: Ended): void {
    const { code } = ended
    if (code === 'session_expired') this.link.ended(null, false)
    else this.link.ended(new Refusal(code, ended.message), ['too_many', 'too_large', 'rate_limited'].includes(code))
  }

  /** Some answers say something about a log. */
  private learn(payload: unknown, reply: unknown): void {
    const asked = payload as { conversation_id?: string }
    const said = (reply ?? {}) as { conversation_id?: string; fence?: number | null; seq?: number }
    const log = this.logs.get(said.conversation_id ?? asked.conversation_id ?? '')
    if (!log) return
    if (typeof said.fence === 'number') log.owned(said.fence)
    if (typeof said.seq === 'number') log.heardOf(said.seq)
  }

  /**
   * Buyers see one conversation: a line that failed in an earlier one comes to the present one to be decided.
   * Only when it fails here or is found at the start: two tabs must not pull it to and fro.
   */
  private decideHere(which: (line: Line) => boolean, conversationId?: string | null): void {
    if (this.side !== 'buyer' || !this.currentLog) return
    for (const [id, log] of this.logs) {
      if (log === this.currentLog || (conversationId !== undefined && id !== conversationId)) continue
      const failed = log.release((line) => line.state === 'failed' && which(line))
      if (failed.length > 0) this.currentLog.adopt(failed)
    }
  }

  /** Another tab wrote to the keep: gone lines are gone here too, new ones are taken over if they stay. */
  private keptElsewhere(): void {
    this.allLogs().forEach((log) => log.keptElsewhere())
    this.cancelAdopt ??= this.clock.after(ADOPT_AFTER_MS, () => {
      this.cancelAdopt = null
      this.adopt(this.keep.lines())
    })
  }

  private changed(): void {
    this.snap = null
    for (const listener of [...this.listeners]) listener()
  }
}

const isUnsent = (line: Line): boolean => line.state !== 'sent'

type AllEvents = BuyerEvents & AgentEvents
type Routed = keyof typeof TO_LOG

/** What each event means to the log it names. */
const TO_LOG = {
  'chat.posted': (log: ConversationLog, it: AllEvents['chat.posted']) => log.posted(it.entry),
  'chat.recalled': (log: ConversationLog, it: AllEvents['chat.recalled']) =>
    log.posted({ ...it.entry, kind: 'recall' }),
  'chat.noted': (log: ConversationLog, it: AllEvents['chat.noted']) => log.noted(it.entry),
  'chat.marked': (log: ConversationLog, it: AllEvents['chat.marked']) => log.marked(it.marks),
  'chat.typing': (log: ConversationLog, it: AllEvents['chat.typing']) => log.typed(it.by),
  'queue.moved': (log: ConversationLog, it: AllEvents['queue.moved']) => log.moved(it.position ?? null),
  'conversation.closed': (log: ConversationLog, it: AllEvents['conversation.closed']) => log.heardOf(it.seq),
  'conversation.reopened': (log: ConversationLog, it: AllEvents['conversation.reopened']) => log.heardOf(it.seq),
  'conversation.taken': (log: ConversationLog, it: AllEvents['conversation.taken']) => {
    log.owned(it.fence, it.owner_id)
    log.heardOf(it.summary.last_seq, it.summary.desk_last_seq)
  },
  'conversation.changed': (log: ConversationLog, it: AllEvents['conversation.changed']) => {
    log.owned(it.summary.fence, it.summary.owner_id ?? null)
    log.heardOf(it.summary.last_seq, it.summary.desk_last_seq)
  },
} as const
