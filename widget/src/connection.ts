import { LogClient, memoryKeep, openKeep, type ClientState, type ConversationLog, type PublicEntry, type Keep } from '@livedesk/protocol'
import type { DeskOptions } from './desk.ts'
import type { Session } from './session.ts'

/** Who is told of it. */
export interface Hears {
  stateChanged(state: ClientState): void
  /** The present conversation is another one, or something of it changed. */
  logChanged(): void
  posted(entry: PublicEntry): void
}

/** A buyer's connection to the desk: its client, where his words are kept, and which conversation is followed. */
export class Connection {
  client: LogClient<'/buyer'> | null = null
  private keep: Keep | null = null
  private followed: ConversationLog | null = null
  private unfollow: () => void = () => {}
  private offs: (() => void)[] = []
  private cancelRenew: () => void = () => {}

  constructor(
    private readonly options: DeskOptions,
    private readonly session: Session,
    private readonly hears: Hears,
  ) {}

  /** Whether an earlier page has left something to go on with. */
  get hasKept(): boolean {
    const { current } = this.session
    if (!current) return false
    const keep = this.keepOf(current.buyer_id)
    return keep.cursor() !== null || keep.lines().length > 0 || keep.opening() !== null
  }

  connect(): void {
    if (this.client) return
    const kept = this.session.current
    // Who he is turns out with the session; until then his words are in memory.
    this.keep = kept ? this.keepOf(kept.buyer_id) : memoryKeep()
    const { clock, origin, dial } = this.options
    const client = new LogClient({
      namespace: '/buyer',
      origin,
      clock,
      keep: this.keep,
      token: (wish) => this.session.token(wish),
      ...(dial ? { dial } : {}),
    })
    this.client = client
    this.offs = [client.subscribe(() => this.changed()), client.on('chat.posted', ({ entry }) => this.hears.posted(entry))]
    this.changed()
    client.start()
    this.scheduleRenew()
  }

  disconnect(): void {
    this.unfollow()
    this.cancelRenew()
    this.offs.forEach((off) => off())
    this.client?.stop()
    this.client = null
    this.followed = null
  }

  /** From now on his words are kept as this buyer's, those written before as well. */
  keepAs(buyerId: string): void {
    const keep = this.keepOf(buyerId)
    this.client?.keepIn(keep)
    this.keep = keep
  }

  wipe(): void {
    this.keep?.wipe()
    this.keep = null
  }

  private keepOf(buyerId: string): Keep {
    return this.options.storage ? openKeep(`${this.options.start.shop}/${buyerId}`) : memoryKeep()
  }

  private changed(): void {
    const { client } = this
    if (!client) return
    this.hears.stateChanged(client.state)
    if (client.current !== this.followed) {
      this.unfollow()
      this.followed = client.current
      const off = client.current?.subscribe(() => this.hears.logChanged())
      this.unfollow = () => {
        off?.()
        this.followed?.attend(false)
        this.followed = null
      }
    }
    this.hears.logChanged()
  }

  private scheduleRenew(): void {
    this.cancelRenew()
    this.cancelRenew = this.options.clock.after(this.session.renewInMs, () => {
      const { client } = this
      client
        ?.insist('session.renew', {})
        .then(({ token, expires_at }) => this.session.renewed(token, expires_at))
        // Over or revoked: the next connection begins a session anew.
        .catch(() => {})
        .finally(() => {
          if (this.client === client) this.scheduleRenew()
        })
    })
  }
}
