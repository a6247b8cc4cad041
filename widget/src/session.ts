import { Refusal, type BuyerSession, type BuyerSessionRequest, type TokenWish } from '@livedesk/protocol'
import { ask, postJson, type Fetch } from './http.ts'

/** What a browser keeps of a session. The visitor's secret brings the same visitor back. */
export interface Kept {
  readonly token: string
  readonly expires_at: number
  readonly buyer_id: string
  readonly verified: boolean
}

/** A token this close to its end is not used to begin something. */
const NEARLY_OVER_MS = 5_000
/** Refusals of an identity: the page may have a newer one. */
const STALE_IDENTITY: ReadonlySet<string> = new Set(['identity_expired', 'identity_invalid'])

export interface SessionOptions {
  readonly shop: string
  readonly fetch: Fetch
  readonly now: () => number
  /** null where the browser refuses storage: then it lives as long as the page. */
  readonly storage: Storage | null
  /** Asks the page who the buyer is; null: nobody is signed in. */
  readonly identity: () => Promise<string | null>
  /** The page can say who he is, and a session begun earlier may be somebody else's. */
  readonly mustIdentify: () => boolean
  readonly code: string | null
  readonly locale: () => 'zh-CN' | 'en'
  /** A session began that is not the one before. `carriedOn`: the same person as before, now known. */
  readonly began: (next: Kept, carriedOn: boolean) => void
}

/** The buyer's session: begun over HTTP, kept, used until it ends, begun again when it has ended. */
export class Session {
  private kept: Kept | null
  private visitor: string | null
  private code: string | null
  private beginning: Promise<Kept> | null = null
  /** A token was handed out on this page: the person in front of it believes to be somebody. */
  private used = false
  /** This page has had its say about who the buyer is. */
  identified = false
  /** How far the server's clock is ahead of this device's, in ms. */
  skew: number | null = null

  constructor(private readonly options: SessionOptions) {
    this.kept = this.readJson<Kept>('session')
    this.visitor = this.read('visitor')
    this.code = options.code
  }

  get current(): Kept | null {
    return this.kept
  }

  /** The token for the next connection. Begins a session when there is none or it is over. */
  async token(wish: TokenWish): Promise<string> {
    const usable = this.kept && wish !== 'renew' && this.kept.expires_at - NEARLY_OVER_MS > this.serverNow()
    // A code was made for somebody: it goes before whoever was here earlier.
    const kept = usable && this.code === null && !(this.options.mustIdentify() && !this.identified)
    const token = kept ? this.kept!.token : (await this.begin()).token
    this.used = true
    return token
  }

  /** The server does not accept this session any more, whoever asks. */
  drop(): void {
    this.kept = null
    this.write('session', null)
  }

  /** The page knows the buyer (or another one): from now on as him. Answers whether anything changed. */
  async identify(): Promise<boolean> {
    const before = this.kept?.token
    return (await this.begin()).token !== before
  }

  /** The server gave a fresh token for the same session. */
  renewed(token: string, expires_at: number): void {
    if (this.kept) this.keep({ ...this.kept, token, expires_at })
  }

  /** When to renew: well before the end. */
  get renewInMs(): number {
    return this.kept ? Math.max(10_000, (this.kept.expires_at - this.serverNow()) * 0.6) : 60_000
  }

  /** Ends the session here and there; nothing of the person stays on this device. */
  async end(): Promise<void> {
    const { fetch } = this.options
    const token = this.kept?.token
    this.kept = null
    this.visitor = null
    this.code = null
    this.write('session', null)
    this.write('visitor', null)
    if (token === undefined) return
    const headers = { Authorization: `Bearer ${token}` }
    // A server that cannot be told lets it run out by itself.
    await ask(fetch, '/api/v1/buyer/session', { method: 'DELETE', headers }).catch(() => {})
  }

  private begin(): Promise<Kept> {
    this.beginning ??= this.beginNow().finally(() => {
      this.beginning = null
    })
    return this.beginning
  }

  private async beginNow(): Promise<Kept> {
    const code = this.code
    const before = this.kept
    let identity = code === null ? await this.options.identity() : null
    if (before?.verified && this.used && identity === null && code === null) {
      // Going on as a visitor would show somebody else's empty conversation as if it were his.
      throw new Refusal('identity_expired', 'The signed identity has expired.')
    }
    let session: BuyerSession
    try {
      session = await this.post(identity, code)
    } catch (thrown) {
      const refusal = thrown as Refusal
      if (refusal.code === 'code_used') this.code = null
      const again = STALE_IDENTITY.has(refusal.code) ? await this.options.identity() : null
      if (again === null || again === identity) throw refusal
      identity = again
      session = await this.post(identity, null)
    }
    this.code = null
    this.identified = true
    if (session.visitor) {
      this.visitor = session.visitor
      this.write('visitor', session.visitor)
    }
    const { token, expires_at, buyer_id, verified } = session
    const next: Kept = { token, expires_at, buyer_id, verified }
    this.keep(next)
    // Nobody known, or this tab's own visitor who has signed in: what was written goes along.
    const carriedOn = before === null || before.buyer_id === buyer_id || (!before.verified && verified)
    if (before?.buyer_id !== buyer_id) this.options.began(next, carriedOn)
    return next
  }

  private async post(identity: string | null, code: string | null): Promise<BuyerSession> {
    const { shop, fetch, locale } = this.options
    const request: BuyerSessionRequest = {
      shop,
      locale: locale(),
      ...(identity === null ? {} : { identity }),
      ...(code === null ? {} : { code }),
      ...(this.visitor === null ? {} : { visitor: this.visitor }),
    }
    const { body, serverTime } = await ask<BuyerSession>(fetch, '/api/v1/buyer/session', postJson(request))
    if (serverTime !== null) this.skew = serverTime - this.options.now()
    return body
  }

  private serverNow(): number {
    // The header has whole seconds: a smaller difference is none.
    return this.options.now() + (Math.abs(this.skew ?? 0) > 2_000 ? this.skew! : 0)
  }

  private keep(kept: Kept): void {
    this.kept = kept
    this.write('session', JSON.stringify(kept))
  }

  private key(name: string): string {
    return `livedesk/${this.options.shop}/${name}`
  }

  private read(name: string): string | null {
    return this.options.storage?.getItem(this.key(name)) ?? null
  }

  private readJson<T>(name: string): T | null {
    try {
      return JSON.parse(this.read(name) ?? 'null') as T | null
    } catch {
      return null
    }
  }

  private write(name: string, value: string | null): void {
    const { storage } = this.options
    try {
      if (value === null) storage?.removeItem(this.key(name))
      else storage?.setItem(this.key(name), value)
    } catch {
      // Full: the session goes on in memory and begins anew after a reload.
    }
  }
}
