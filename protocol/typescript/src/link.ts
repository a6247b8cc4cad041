import type { Clock } from './clock.ts'
import type { Connection, Dial } from './connection.ts'
import { Refusal, asRefusal, needsToken, openEnvelope, retryAfter } from './refusal.ts'

/** Unanswered this long, a handshake has failed. */
export const HANDSHAKE_MS = 10_000
/** Unanswered this long, the outcome of a request is unknown. */
export const ACK_TIMEOUT_MS = 8_000
/** Requests in a row without any answer after which the connection itself is taken for dead. */
export const SILENT_REQUESTS = 2
/** Bounds of the wait before the next attempt: full jitter spreads a crowd that was cut off at once. */
export const BACKOFF_MIN_MS = 500
export const BACKOFF_MAX_MS = 30_000
/** After the server threw us out for misbehaving, at least this long. */
export const PENALTY_MS = 10_000

/** Why a token is wanted: the first one, another attempt with a good one, or the last was not accepted. */
export type TokenWish = 'connect' | 'reconnect' | 'renew'
export type TokenSource = (wish: TokenWish) => Promise<string>

/**
 * `idle`: not started. `connecting`: an attempt is under way. `online`: requests go through.
 * `waiting`: the next attempt is at `retryAt`. `refused`: the server said no for a reason that trying
 * again does not cure (`refusal`); `start` tries again. `stopped`: by `stop`.
 */
export type LinkStatus = 'idle' | 'connecting' | 'online' | 'waiting' | 'refused' | 'stopped'

export interface LinkState {
  readonly status: LinkStatus
  /** When it was last online; null before the first time. While `online` it is null too. */
  readonly offlineSince: number | null
  readonly retryAt: number | null
  readonly refusal: Refusal | null
  /** Rises with every connection: who needs a fresh start state asks again when it moved. */
  readonly generation: number
}

interface Waiting {
  settle(act: () => void): void
  reject(refusal: Refusal): void
}

/** Keeps one connection alive: dials, waits, dials again, and matches answers to requests. */
export class Link {
  private connection: Connection | null = null
  private attempt = 0
  private failures = 0
  private silent = 0
  private wishedDelay: number | null = null
  private wish: TokenWish = 'connect'
  private cancelTimer: () => void = () => {}
  private readonly waiting = new Set<Waiting>()
  private current: LinkState = {
    status: 'idle',
    offlineSince: null,
    retryAt: null,
    refusal: null,
    generation: 0,
  }

  constructor(
    private readonly dial: Dial,
    private readonly token: TokenSource,
    private readonly clock: Clock,
    private readonly hooks: { changed(state: LinkState): void; event(name: string, payload: unknown): void },
  ) {}

  get state(): LinkState {
    return this.current
  }

  get online(): boolean {
    return this.current.status === 'online'
  }

  /** Connects unless it already does. After `refused` or `stop` it is a new beginning. */
  start(): void {
    if (this.connection || this.current.status === 'connecting') return
    this.failures = 0
    void this.try()
  }

  /** Ends it for good; every open request is refused as `ended`. May be called twice. */
  stop(): void {
    this.leave(new Refusal('ended', 'The client was stopped.'))
    this.move({ status: 'stopped', retryAt: null })
  }

  /** The device woke up or the network came back: do not sit out the wait. */
  nudge(): void {
    if (this.current.status === 'waiting') {
      this.cancelTimer()
      void this.try()
    }
  }

  /** The path beneath is another, or dead without a word: drop the connection and dial at once. */
  redial(): void {
    if (!this.connection && this.current.status !== 'waiting') return
    this.leave(new Refusal('offline', 'The connection was dropped for a new one.'))
    this.failures = 0
    void this.try()
  }

  /** Drops the connection and asks for a new token: the session behind it is over. */
  renew(): void {
    this.wish = 'renew'
    if (this.connection) this.lost()
  }

  /** The server said when to come back. Holds for the next attempt only. */
  wait(ms: number): void {
    this.wishedDelay = ms
  }

  /** The server ended the session: `null` means that a fresh token may help, at once. */
  ended(refusal: Refusal | null, penalty: boolean): void {
    if (refusal && !penalty) {
      this.leave(refusal)
      this.move({ status: 'refused', refusal, retryAt: null })
      return
    }
    if (penalty) this.wishedDelay = PENALTY_MS
    else this.wish = 'renew'
    this.lost()
  }

  /** One request on the present connection. Rejects with a `Refusal`, never anything else. */
  request(command: string, payload: unknown, timeoutMs = ACK_TIMEOUT_MS): Promise<unknown> {
    const connection = this.connection
    if (!connection || !this.online) return Promise.reject(new Refusal('offline', 'There is no connection.'))
    return new Promise((resolve, reject) => {
      const cancel = this.clock.after(timeoutMs, () => {
        waiting.settle(() => reject(new Refusal('timeout', 'No answer came in time.')))
        if (++this.silent >= SILENT_REQUESTS && this.connection === connection) this.lost()
      })
      const waiting: Waiting = {
        settle: (act) => {
          if (!this.waiting.delete(waiting)) return
          cancel()
          act()
        },
        reject: (refusal) => waiting.settle(() => reject(refusal)),
      }
      this.waiting.add(waiting)
      connection.send(command, payload, (answer) => {
        this.silent = 0
        waiting.settle(() => {
          try {
            resolve(openEnvelope(answer))
            // Only now: a connection that opens and is thrown out again each time must back off too.
            this.failures = 0
          } catch (thrown) {
            const refusal = asRefusal(thrown)
            reject(refusal)
            if (needsToken(refusal.code)) this.renew()
          }
        })
      })
    })
  }

  private async try(): Promise<void> {
    const attempt = ++this.attempt
    this.cancelTimer()
    this.move({ status: 'connecting', retryAt: null, refusal: null })
    let token: string
    try {
      token = await this.token(this.wish)
    } catch (thrown) {
      if (attempt === this.attempt) this.said(asRefusal(thrown))
      return
    }
    if (attempt !== this.attempt) return
    this.wish = 'reconnect'
    this.cancelTimer = this.clock.after(HANDSHAKE_MS, () => this.lost())
    this.connection = this.dial(token, {
      opened: () => {
        if (attempt !== this.attempt) return
        this.cancelTimer()
        this.silent = 0
        this.move({ status: 'online', offlineSince: null, generation: this.current.generation + 1 })
      },
      refused: (refusal) => {
        if (attempt !== this.attempt) return
        this.connection = null
        this.said(refusal)
      },
      lost: () => {
        if (attempt === this.attempt) this.lost()
      },
      event: (name, payload) => {
        if (attempt === this.attempt) this.hooks.event(name, payload)
      },
    })
  }

  /** A token could not be had, or the server looked at it and said no. */
  private said(refusal: Refusal): void {
    if (needsToken(refusal.code)) this.wish = 'renew'
    const cured = needsToken(refusal.code) || WORTH_WAITING.has(refusal.code)
    if (cured) {
      const wished = retryAfter(refusal)
      if (wished !== null) this.wishedDelay = wished
      this.lost()
    } else {
      this.leave(refusal)
      this.move({ status: 'refused', refusal, retryAt: null })
    }
  }

  private lost(): void {
    this.leave(new Refusal('offline', 'The connection broke before the answer.'))
    const delay = this.delay()
    this.failures++
    this.cancelTimer = this.clock.after(delay, () => void this.try())
    this.move({ status: 'waiting', retryAt: this.clock.now() + delay })
  }

  private delay(): number {
    const wished = this.wishedDelay
    this.wishedDelay = null
    if (wished !== null) return wished + this.clock.random() * Math.max(wished, BACKOFF_MIN_MS)
    const top = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (this.failures + 1))
    return BACKOFF_MIN_MS + this.clock.random() * (top - BACKOFF_MIN_MS)
  }

  private leave(refusal: Refusal): void {
    this.attempt++
    this.cancelTimer()
    const connection = this.connection
    this.connection = null
    connection?.close()
    for (const waiting of [...this.waiting]) waiting.reject(refusal)
  }

  private move(to: Partial<LinkState>): void {
    const was = this.current
    const offlineSince = was.status === 'online' && to.status !== 'online' ? this.clock.now() : was.offlineSince
    this.current = { ...was, offlineSince, ...to }
    this.hooks.changed(this.current)
  }
}

/** Refusals of a connection or a token that pass by themselves. */
const WORTH_WAITING: ReadonlySet<string> = new Set([
  'offline',
  'timeout',
  'malformed',
  'retry',
  'internal',
  'rate_limited',
  'too_many',
])
