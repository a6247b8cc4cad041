import {
  asRefusal,
  Refusal,
  unreadOf,
  type Card,
  type CardRef,
  type ClientState,
  type Clock,
  type ConversationLog,
  type Dial,
  type LogClient,
} from '@livedesk/protocol'
import type { Bridge } from './bridge.ts'
import { Connection } from './connection.ts'
import { Draft } from './draft.ts'
import type { Fetch } from './http.ts'
import { PageIdentity } from './identity.ts'
import type { Place, Size, Theme, ToFrame } from './messages.ts'
import { PageAround } from './page.ts'
import { nameOf, toOpen } from './place.ts'
import { Session, type Kept } from './session.ts'
import { ShopFront } from './shop.ts'
import type { Start } from './start.ts'
import { stateAtFirst, type DeskState } from './state.ts'
import { readersLocale, toLocale, wishedLocale } from './words.ts'

export interface DeskOptions {
  readonly start: Start
  readonly bridge: Bridge
  readonly fetch: Fetch
  readonly clock: Clock
  /** null where the browser refuses it. */
  readonly storage: Storage | null
  readonly dial?: Dial
  readonly origin: string
}

/** Runs one buyer's side: session, client, conversation, and what the page around us is told. */
export class Desk {
  readonly state: DeskState
  readonly draft: Draft
  readonly session: Session
  private readonly identity: PageIdentity
  readonly page: PageAround
  private readonly shop: ShopFront
  private readonly connection: Connection
  private place: Place = {}
  private begunAt: string | null = null
  private ownEntry = false
  private inCall = false
  private opened = false
  private looking = false
  private reading: Promise<void> | null = null
  private pictures = 0

  constructor(readonly options: DeskOptions) {
    const { start, bridge, fetch, clock, storage } = options
    this.identity = new PageIdentity(bridge, clock, start.identity)
    this.state = stateAtFirst(bridge.embedded)
    this.page = new PageAround(bridge, this.state)
    this.shop = new ShopFront(options, this.state)
    this.session = new Session({
      shop: start.shop,
      fetch,
      now: clock.now,
      storage,
      code: start.code,
      locale: wishedLocale,
      identity: () => this.identity.ask(),
      mustIdentify: () => this.identity.signed && this.opened,
      began: (next, carriedOn) => this.sessionBegan(next, carriedOn),
    })
    this.connection = new Connection(options, this.session, {
      stateChanged: (next) => this.clientChanged(next),
      logChanged: () => this.logChanged(),
      posted: (entry) => this.page.posted(entry),
    })
    this.draft = new Draft(storage, () => {
      const { current } = this.session
      return current ? `livedesk/${start.shop}/${current.buyer_id}/draft` : null
    })
  }

  /**
   * Reads the shop, greets the page around us, and goes on with a conversation that is kept. Resolves when
   * it is known in which language to speak.
   */
  async begin(): Promise<void> {
    const { bridge, start } = this.options
    bridge.hear((message) => void this.heard(message))
    bridge.say({ livedesk: 'ready' })
    if (!start.shop) {
      await this.shop.speakToReader()
      this.state.shopRefusal = new Refusal('not_found', 'No shop is named.')
      return
    }
    // Inside a merchant's page it is that page's language that counts.
    const wish = toLocale(start.locale) ?? (bridge.embedded ? null : readersLocale())
    const speaking = wish ? this.shop.wishLocale(wish) : null
    this.reading = this.shop.read()
    if (!bridge.embedded) this.open(start.place)
    else if (this.connection.hasKept) this.connection.connect()
    await Promise.all([speaking, this.reading])
  }

  // What the person does -------------------------------------------------------------------------------

  /** The pill was tapped. The page around us knows where he stands and answers with `open`. */
  enter(): void {
    this.show('sheet')
    this.options.bridge.say({ livedesk: 'entered' })
  }

  /** Shows the conversation and makes sure there is one that knows where he stands. */
  open(place: Place = {}): void {
    this.place = place
    this.opened = true
    if (this.options.bridge.embedded) this.show('sheet')
    this.state.view = 'chat'
    this.state.past = null
    if (this.client && this.identity.signed && !this.session.identified) void this.identifyAnew()
    this.connection.connect()
    const log = this.client?.current?.snapshot
    const open = log && log.refusal === null && (!log.loaded || log.state === 'open')
    if (!open || nameOf(place) !== this.begunAt) this.ask(place)
    this.readAll()
  }

  /** Back to the entry, the page's or our pill; the conversation goes on. */
  minimise(): void {
    if (this.options.bridge.embedded) this.show(this.state.call?.calls.live ? 'tile' : this.ownEntry ? 'hidden' : 'pill')
  }

  /** False: the outbox is full, nothing was taken. */
  send(text: string, quoteSeq?: number): boolean {
    return this.write((log) => log.sendText(text, quoteSeq))
  }

  sendCard(card: Card): boolean {
    const ref = toRef(card)
    return ref !== null && this.write((log) => log.sendCard(ref, card))
  }

  recall(seq: number): boolean {
    return this.write((log) => log.recall(seq))
  }

  private write(act: (log: ConversationLog) => unknown): boolean {
    const log = this.client?.current
    if (!log) return false
    try {
      act(log)
      return true
    } catch (thrown) {
      if (asRefusal(thrown).code === 'too_many') return false
      throw thrown
    }
  }

  retry(clientId: string): void {
    const log = this.client?.current
    log?.retry(clientId)
    if (log?.snapshot.id === null && !this.client?.state.opening) this.ask(this.place)
  }

  discard(clientId: string): void {
    this.client?.current?.discard(clientId)
  }

  typing(): void {
    this.client?.current?.type()
  }

  /** Whether the newest messages are before the person's eyes. */
  looks(atEnd: boolean): void {
    this.looking = atEnd
    this.readAll()
  }

  /** Tries again whatever was refused. */
  tryAgain(): void {
    if (this.state.shopRefusal) void this.shop.read()
    this.state.openRefusal = null
    this.connection.connect()
    this.client?.start()
    if (!this.client?.current || this.client.current.snapshot.id === null) this.ask(this.place)
  }

  async endConversation(): Promise<void> {
    const id = this.client?.current?.snapshot.id
    if (!this.client || !id) return
    await this.client.insist('conversation.close', { conversation_id: id, client_id: this.client.newClientId() })
  }

  /** Goes on with a closed conversation: the present one, or an earlier one. */
  async reopen(id = this.client?.current?.snapshot.id): Promise<void> {
    if (!this.client || !id) return
    await this.client.insist('conversation.reopen', { conversation_id: id, client_id: this.client.newClientId() })
    // The desk has one open conversation for a buyer: this one now, and opening leads to it.
    this.ask({})
    this.showChat()
  }

  startAnew(): void {
    this.ask(this.place)
    this.showChat()
  }

  showHistory(): void {
    this.state.view = 'history'
    this.state.past = null
  }

  showChat(): void {
    this.state.view = 'chat'
    this.state.past = null
    if (this.state.size === 'full') this.show('sheet')
    this.readAll()
  }

  /** Reads the code of guided capture; where it cannot be had, the next wish asks again. */
  async loadCapture(): Promise<void> {
    this.state.capture ??= await import('./capture/index.ts').then(({ ready }) => ready).catch(() => null)
  }

  /** Takes the pictures of a list: on a phone over the whole page. */
  showCapture(list: number, shot: number | null): void {
    Object.assign(this.state, { view: 'capture', shots: list, firstShot: shot })
    if (this.state.size === 'sheet' && this.state.phone) this.show('full')
  }

  /** So many pictures would be lost with the page. */
  holds(pictures: number): void {
    this.pictures = pictures
    this.page.counted(this.unsaved)
  }

  showPast(id: string): void {
    if (id === this.client?.current?.snapshot.id) this.showChat()
    else this.state.past = id
  }

  back(): void {
    if (this.state.past === null) this.showChat()
    else this.state.past = null
  }

  /** The page is visible again, or the network is back. */
  woke(): void {
    this.client?.nudge()
  }

  /** The frame's address names no page around it: nobody's entry leads here. */
  get misplaced(): boolean {
    return this.options.start.mode === 'frame' && !this.options.bridge.embedded
  }

  /** Lines and pictures that are gone when the page is left now. */
  get unsaved(): number {
    return this.pictures + (this.client && !this.client.state.durable ? this.client.state.unsent : 0)
  }

  async logout(): Promise<void> {
    this.connection.wipe()
    this.disconnect()
    this.draft.text = ''
    this.identity.forget()
    this.place = {}
    await this.session.end()
    this.minimise()
    this.page.counted(this.unsaved)
  }

  // The page around us ---------------------------------------------------------------------------------

  private async heard(message: ToFrame): Promise<void> {
    switch (message.livedesk) {
      case 'welcome': {
        this.setLook(message.theme, message.phone)
        this.identity.signed = message.signed
        this.ownEntry = message.own
        await Promise.all([this.shop.wishLocale(message.locale), this.reading])
        if (this.state.size === 'hidden' && !message.own) this.show('pill')
        this.inCall = message.inCall
        this.findCall()
        break
      }
      case 'look':
        this.setLook(message.theme, message.phone)
        break
      case 'open':
        this.open(message.place)
        break
      case 'close':
        if (this.state.size !== 'pill' && this.state.size !== 'hidden') this.minimise()
        break
      case 'identity':
        this.identity.answered(message.token)
        break
      case 'signed':
        this.identity.signed = message.signed
        this.session.identified = false
        if (this.client && message.signed) void this.identifyAnew()
        this.findCall()
        break
      case 'logout':
        void this.logout()
        break
      case 'locale':
        void this.shop.wishLocale(message.locale)
        break
      case 'player':
        this.state.player = message
        this.state.call?.calls.duck()
        break
      case 'debug':
        await this.report()
        break
    }
  }

  show(size: Size): void {
    this.page.resize(size)
    this.readAll()
  }

  private setLook(theme: Theme, phone: boolean): void {
    this.state.theme = theme
    this.state.phone = phone
  }

  /** Goes on as the one whom the page names: the same one, the visitor who signed in, or somebody else. */
  private async identifyAnew(): Promise<void> {
    try {
      if (await this.session.identify()) this.client?.renewToken()
    } catch (thrown) {
      this.state.openRefusal = asRefusal(thrown)
    }
  }

  private async report(): Promise<void> {
    const { findings } = await import('./findings.ts')
    const { state, session, options } = this
    options.bridge.say({ livedesk: 'report', findings: findings(state, session, options.start.parent, options.storage !== null) })
  }

  // The client -----------------------------------------------------------------------------------------

  get client(): LogClient<'/buyer'> | null {
    return this.connection.client
  }

  private disconnect(): void {
    this.state.call?.calls.stop()
    this.connection.disconnect()
    this.begunAt = null
    Object.assign(this.state, { client: null, log: null, call: null, openRefusal: null, placeUnknown: false, view: 'chat', past: null, unread: 0 })
  }

  /** The session of a person began: his own words come back, or, as another person, nothing of before. */
  private sessionBegan(next: Kept, carriedOn: boolean): void {
    if (!this.client) return
    if (carriedOn) {
      this.connection.keepAs(next.buyer_id)
      this.draft.carryOver()
      return
    }
    const shown = this.state.size
    this.draft.dropMemory()
    this.disconnect()
    if (shown === 'sheet' || shown === 'page' || shown === 'full') this.open(this.place)
  }

  /** Asks the desk for the conversation at this place. */
  ask(place: Place): void {
    if (!this.client) return
    this.begunAt = nameOf(place)
    this.state.openRefusal = null
    this.state.placeUnknown = false
    this.client.begin(toOpen(place)).catch((thrown: unknown) => {
      const refusal = asRefusal(thrown)
      if (refusal.code === 'ended') return
      if (refusal.code === 'not_found' && Object.keys(place).length > 0) {
        // An unknown product or order must not keep him from a person.
        this.ask({})
        this.begunAt = nameOf(place)
        this.state.placeUnknown = true
        for (const line of this.client?.current?.snapshot.outbox ?? []) this.client?.current?.retry(line.client_id)
      } else this.state.openRefusal = refusal
    })
  }

  private clientChanged(next: ClientState): void {
    const before = this.state.client?.link.refusal?.code
    const refused = next.link.refusal?.code
    this.state.client = next
    if (refused === undefined || refused === before) return
    if (refused === 'session_revoked') this.session.drop()
    this.page.refused(refused)
  }

  private logChanged(): void {
    const log = this.client?.current?.snapshot ?? null
    const before = this.state.log
    this.state.log = log
    if (log && before && before.id === log.id && before.position !== null && log.position !== null) {
      if (log.position > before.position) this.state.movedBack = true
    }
    if (log?.position === null) this.state.movedBack = false
    if (log?.agentName || log?.entries.some(({ kind }) => kind === 'call' || kind === 'booking')) void this.loadCalls()
    this.state.unread = log ? unreadOf(log.entries, log.marks, 'buyer') : 0
    this.readAll()
    this.page.counted(this.unsaved)
  }

  /** A buyer whose frame could keep nothing was in a call: he is signed in, so that the desk knows him. */
  private findCall(): void {
    if (!this.inCall || !this.identity.signed || this.client) return
    this.opened = true
    this.connection.connect()
    void this.loadCalls()
  }

  /** Reads the code of calls; where it cannot be had, the next change asks again. */
  async loadCalls(): Promise<void> {
    if (this.state.call) return
    const part = await import('./call/index.ts').then(({ ready }) => ready).catch(() => null)
    if (part && this.client) this.state.call ??= part.begin(this)
  }

  private readAll(): void {
    const shown = this.state.size === 'sheet' || this.state.size === 'page' || this.state.size === 'full'
    const log = this.client?.current
    log?.attend(shown)
    // Over the whole page a call covers what is written.
    if (shown && this.looking && this.state.view === 'chat' && this.state.size !== 'full') log?.markRead()
  }
}

function toRef(card: Card): CardRef | null {
  if (card.card === 'product') return { card: 'product', product_id: card.product_id }
  if (card.card === 'order') return { card: 'order', order_id: card.order_id }
  return null
}
