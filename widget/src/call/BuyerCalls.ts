import { asRefusal, browserClock, type Call, type StillAsked } from '@livedesk/protocol'
import { CallClient, callSocket, DeviceRefused, pageBrowser, type Adjusted, type CallsView, type CallView, type DeviceFault } from '@livedesk/protocol/CallClient.ts'
import { CALLER_CONSENT } from '@livedesk/protocol/consents.ts'
import { ref, shallowReactive } from 'vue'
import type { Desk } from '../desk.ts'
import { locale } from '../words.ts'
import { elsewhere, here, probe, type Abilities, type Elsewhere } from './probe.ts'
import { Ring } from './ring.ts'
import { takeStill } from './still.ts'
import { callWords, codeWords } from './words.ts'

/** In the address of a page to which a link for a call led. */
export const CALL = 'call'
/** The stream's sound of 1 while it rings, and while one talks. */
const RINGING_VOLUME = 0.35
const TALKING_VOLUME = 0.15
/** How long it is said that a call is over. */
const ENDED_MS = 6_000
/** How long it is said what was done for the agent. */
const DONE_MS = 4_000

/**
 * What the person does before a call: `choose` between product and voice, look at the `preview`, or be told of
 * an `obstacle`. `asking`: the browser asks him.
 */
export type Before = 'none' | 'choose' | 'asking' | 'preview' | 'obstacle'

export interface CallUi {
  view: CallsView
  now: number
  before: Before
  /** The call that is being answered; null: one is asked for. */
  answering: string | null
  fault: DeviceFault | null
  /** Why it did not work, as a code of the wire. */
  refused: string | null
  soundBlocked: boolean
  /** What the agent has just had of the camera. */
  done: 'still' | Adjusted | null
  /** The way into another browser, or onto our own page. */
  link: Link | null
  busy: boolean
}

/** Good for so many minutes; `waits`: the agent in a call waits there for so many, null where there is no call. */
export interface Link {
  readonly address: string
  readonly minutes: number
  readonly waits: number | null
}

const ofPage = (desk: Desk): CallClient =>
  new CallClient({ side: 'buyer', socket: callSocket(desk.client!), browser: pageBrowser(), clock: browserClock })

/** The buyer's calls: what the person decides, beside what the client of calls does by itself. */
export class BuyerCalls {
  readonly ui: CallUi
  /** The large picture is higher than wide: only then has it more room over the whole page than in the sheet. */
  readonly upright = ref(false)
  private readonly ring = new Ring()
  private media: Call['media'] = 'video'
  private said = { phase: 'none', volume: 1, swap: false }
  private looking = false
  /** So many marks there are; the buyer draws none. */
  private marks = 0
  /** The call that opens no more by itself: it has, or the buyer knows how large he wants it. */
  private sized = ''
  private ticking: ReturnType<typeof setInterval> | undefined
  private saying: ReturnType<typeof setTimeout> | undefined
  private readonly offs: (() => void)[]

  constructor(
    readonly desk: Desk,
    readonly client: CallClient = ofPage(desk),
    readonly abilities: Abilities = probe(here()),
    /** A link for a call has led here. */
    private wanted = false,
  ) {
    this.ui = shallowReactive<CallUi>({
      view: this.client.view,
      now: Date.now(),
      before: 'none',
      answering: null,
      fault: null,
      refused: null,
      soundBlocked: false,
      done: null,
      link: null,
      busy: false,
    })
    this.offs = [this.client.subscribe(() => this.changed()), this.client.onStill((asked) => void this.still(asked)), this.client.onAdjusted((what) => this.done(what))]
    this.client.start()
  }

  /** The call to show: the one with media, else the one that rings or waits for us, else the last one. */
  get shown(): CallView | null {
    const { view } = this.ui
    return view.active ?? view.calls.find((one) => one.phase !== 'ended') ?? view.calls[view.calls.length - 1] ?? null
  }

  /** A call is on or rings: minimised, it becomes a tile. */
  get live(): boolean {
    const phase = this.shown?.phase
    return phase !== undefined && phase !== 'ended' && phase !== 'outside'
  }

  /** The button was tapped, or a link for a call led here. */
  begin(): void {
    const call = this.shown
    if (call?.phase === 'ringing' || (call?.phase === 'away' && call.me?.state === 'invited')) return this.take(call.call.call_id)
    this.ui.answering = null
    this.ask()
    if (this.is('obstacle') && this.elsewhere) void this.goElsewhere()
  }

  /**
   * The person wants to take the call that rings, or that waits for him. It is taken with this first tap: no ring runs
   * out while the browser asks or he looks at the preview. What he shows goes out when he connects.
   */
  take(callId: string): void {
    this.ui.answering = callId
    if (this.desk.state.size === 'tile') this.open()
    if (this.shown?.call.media === 'voice' && this.abilities.voice) void this.choose('voice')
    else this.ask()
    if (!this.is('obstacle')) void this.accept(callId)
    else if (this.elsewhere) void this.goElsewhere()
  }

  private async accept(callId: string): Promise<void> {
    try {
      await this.client.accept(callId)
    } catch (thrown) {
      if (this.ui.answering !== callId) return
      const { code } = asRefusal(thrown)
      this.leave()
      // That it is over is said with its reason.
      if (code !== 'ring_over' && code !== 'call_ended') this.ui.refused = code
    }
  }

  async choose(media: Call['media']): Promise<void> {
    const { ui, client } = this
    this.media = media
    Object.assign(ui, { before: 'asking', fault: null, refused: null })
    try {
      const camera = media === 'video'
      await client.devices.open({ camera, microphone: true }).catch((thrown: unknown) => {
        // One can be seen without a microphone, and write.
        if (!camera || (thrown as DeviceRefused).fault !== 'missing') throw thrown
        return client.devices.open({ camera })
      })
    } catch (thrown) {
      if (this.is('asking')) Object.assign(ui, { before: 'choose', fault: thrown instanceof DeviceRefused ? thrown.fault : 'failed' })
      return
    }
    if (!this.is('asking')) return client.devices.close()
    if (media === 'voice') await this.place()
    else ui.before = 'preview'
  }

  /** Calls, or connects the call that rings, with what the preview shows. */
  async place(): Promise<void> {
    const { ui, client, desk } = this
    const { answering } = ui
    const conversationId = desk.state.log?.id
    // He went back before it rang.
    const left = (): boolean => answering === null && this.is('none')
    ui.busy = true
    try {
      if (answering !== null) {
        const joined = client.answer(answering)
        ui.before = 'none'
        await joined
      } else if (conversationId) {
        const { call_id } = await client.invite({ conversationId, media: this.media })
        if (left()) return this.hangUp(call_id)
      }
      Object.assign(ui, { before: 'none', answering: null })
    } catch (thrown) {
      if (left()) return
      client.devices.close()
      Object.assign(ui, { before: this.live ? 'none' : 'choose', answering: null, refused: asRefusal(thrown).code })
    } finally {
      ui.busy = false
    }
  }

  /** Back to the chat; what was open for the preview is given back. */
  leave(): void {
    Object.assign(this.ui, { before: 'none', answering: null, fault: null, refused: null, link: null })
    if (!this.ui.view.active) this.client.devices.close()
  }

  decline(callId: string): void {
    this.leave()
    this.client.decline(callId).catch(() => {})
  }

  hangUp(callId: string): void {
    this.client.hangUp(callId).catch(() => {})
  }

  /** After a reload, or from another page: with the devices that one had. */
  async resume(): Promise<void> {
    const { ui, client } = this
    const call = this.shown
    if (!call?.me) return
    // Who was not in it yet, as in the browser that a link led to, sees first what he will show.
    if (call.me.state === 'invited') return this.take(call.call.call_id)
    ui.busy = true
    this.shrunk()
    // Whoever gives none now still hears and writes.
    await client.devices.open({ camera: call.me.camera, microphone: call.me.microphone }).catch(() => {})
    try {
      await client.join(call.call.call_id, { move: true })
    } catch {
      // The phase says it.
    } finally {
      ui.busy = false
    }
  }

  consent(granted: boolean): void {
    this.client.consent(granted, CALLER_CONSENT.version, locale.value).catch((thrown: unknown) => (this.ui.refused = asRefusal(thrown).code))
  }

  /** Whatever one wishes of a device: a refusal is a sentence, never an error. */
  async device(wish: () => Promise<void>): Promise<void> {
    this.ui.fault = null
    try {
      await wish()
    } catch (thrown) {
      // Whoever closes the browser's choice of screens has changed his mind.
      if (thrown instanceof DeviceRefused && !(thrown.fault === 'denied' && this.ui.view.devices.camera === 'on')) this.ui.fault = thrown.fault
    }
  }

  /** The tile becomes the call: over the whole page on a phone, else beside it. */
  open(): void {
    const { desk } = this
    if (desk.options.bridge.embedded) desk.show(desk.state.phone && this.live && this.shown?.phase !== 'ringing' ? 'full' : 'sheet')
  }

  /** The buyer made the call smaller, or found it small: it is not opened before his eyes. */
  shrunk(): void {
    this.sized = this.shown?.call.call_id ?? ''
  }

  /** Another way instead of a call now: the agent is asked for it in the chat, before the buyer's eyes. */
  say(line: string): void {
    this.desk.send(line)
    this.giveUp()
  }

  /** Before a call, and not in this one: whoever waits in it for him waits no longer. */
  private giveUp(): void {
    const { answering } = this.ui
    this.leave()
    if (answering !== null) this.hangUp(answering)
  }

  /** Asks for a call at this time; the conversation says so. */
  async book(at: number): Promise<void> {
    const { ui, desk } = this
    const conversation_id = desk.state.log?.id
    if (!conversation_id || !desk.client) return
    ui.busy = true
    try {
      await desk.client.insist('call.book', { conversation_id, client_id: desk.client.newClientId(), at, media: 'video' })
      this.giveUp()
    } catch (thrown) {
      ui.refused = asRefusal(thrown).code
    } finally {
      ui.busy = false
    }
  }

  /** Takes the booking of this conversation back, which may be closed meanwhile. Rejects with a `Refusal`. */
  async unbook(conversation_id: string): Promise<void> {
    const { client } = this.desk
    await client?.insist('call.unbook', { conversation_id, client_id: client.newClientId() })
  }

  /** Where one can who cannot here; null: nowhere, or nothing is wrong. */
  get elsewhere(): Elsewhere | null {
    const { bridge, origin } = this.desk.options
    return elsewhere(this.abilities, this.ui.fault !== null, !bridge.embedded, origin)
  }

  /** Makes the link there. A call that rings here is taken by it and waits; without one it rings from there. */
  async goElsewhere(): Promise<void> {
    const { ui, desk } = this
    const conversation_id = desk.state.log?.id
    if (!conversation_id || !desk.client) return
    ui.busy = true
    try {
      const { code, now, expires_at, waits_until } = await desk.client.request('call.link', { conversation_id })
      const address = new URL(`/c/${encodeURIComponent(desk.options.start.shop)}`, desk.options.origin)
      address.searchParams.set('code', code)
      address.searchParams.set(CALL, '')
      const minutes = (until: number): number => Math.max(1, Math.round((until - now) / 60_000))
      const link = { address: address.href, minutes: minutes(expires_at), waits: waits_until ? minutes(waits_until) : null }
      Object.assign(ui, { link, refused: null })
      // It is not left there for somebody to try in vain.
      setTimeout(() => ui.link === link && Object.assign(ui, { link: null, refused: 'code_used' }), expires_at - now)
    } catch (thrown) {
      ui.refused = asRefusal(thrown).code
    } finally {
      ui.busy = false
    }
  }

  /**
   * The agent wants a still: with the camera on it is taken at once and before the buyer's eyes. Without, or where
   * that fails, the list of one picture in the chat leads him to take it.
   */
  private async still({ call_id, list_seq }: StillAsked): Promise<void> {
    const { desk, client } = this
    const { active, devices } = client.view
    const track = client.devices.track('video')
    if (active?.call.call_id !== call_id || devices.camera !== 'on' || !track) return
    try {
      await desk.loadCapture()
      const photo = await takeStill(track)
      const spot = { conversation: active.call.conversation_id, list: list_seq, shot: 0 }
      await desk.state.capture!.send(desk, spot, new File([photo], 'still', { type: photo.type }))
      this.done('still')
    } catch {
      // The list stands in the chat.
    }
  }

  /** Whatever is done for the agent with the buyer's camera, he is told. */
  private done(what: 'still' | Adjusted): void {
    clearTimeout(this.saying)
    this.ui.done = what
    this.saying = setTimeout(() => (this.ui.done = null), DONE_MS)
  }

  words(): string | null {
    const { fault, refused } = this.ui
    return fault ? callWords.value.fault[fault] : refused ? codeWords(refused) : null
  }

  /** Ends it; may be called twice. */
  stop(): void {
    this.offs.splice(0).forEach((off) => off())
    clearInterval(this.ticking)
    this.ring.stop()
    this.client.stop()
    if (this.said.volume < 1) this.desk.options.bridge.say({ livedesk: 'duck', volume: 1, swap: false })
  }

  // --------------------------------------------------------------------------------------------------

  private is(before: Before): boolean {
    return this.ui.before === before
  }

  private ask(): void {
    const { video, voice } = this.abilities
    Object.assign(this.ui, { before: video || voice ? 'choose' : 'obstacle', fault: null, refused: null, link: null })
  }

  /** What he prepares here is over, or goes on in the browser that the link led to. */
  private overtaken(): boolean {
    const { answering, link, view } = this.ui
    if (answering === null) return link !== null && this.live
    const call = view.calls.find((one) => one.call.call_id === answering)
    return call === undefined || call.phase === 'ended' || call.me?.state !== 'invited'
  }

  private changed(): void {
    const { ui, client } = this
    ui.view = client.view
    ui.now = Date.now()
    // What one event brings about, it brings about at once: only where that leads to is told.
    if (!this.looking) void Promise.resolve().then(() => this.look())
    this.looking = true
  }

  private look(): void {
    const { desk } = this
    this.looking = false
    if (this.offs.length === 0) return
    const call = this.shown
    const phase = call?.phase ?? 'none'
    if (phase !== this.said.phase) this.moved(call, phase)
    if (!this.is('none') && this.overtaken()) this.leave()
    if (this.wanted && this.ui.view.carried) {
      this.wanted = false
      this.begin()
    }
    this.enlarge()
    this.duck()
    const { size } = desk.state
    // As a tile it stays for as long as it says why it is over; whoever ended it himself knows.
    const says = phase === 'ended' && call!.call.ended_by !== 'buyer'
    if (size === 'tile' && !this.live && !says) desk.minimise()
    else if (size === 'full' && !this.live && desk.state.view === 'chat') desk.show('sheet')
  }

  /** What is drawn is to be seen: it opens the call once, but takes neither the page from a camera nor the caret from him. */
  private enlarge(): void {
    const { active } = this.ui.view
    const { size, phone, view } = this.desk.state
    const boards = Object.values(active?.boards ?? {})
    const before = this.marks
    this.marks = boards.flatMap(({ shapes, pointers, held }) => [...shapes, ...pointers, ...(held === null ? [] : [held])]).length
    if (!active || active.phase !== 'connected' || active.call.call_id === this.sized || this.marks <= before) return
    const small = size === 'tile' || (size === 'sheet' && phone && this.upright.value)
    if (!small || view !== 'chat' || document.activeElement instanceof HTMLTextAreaElement) return
    this.sized = active.call.call_id
    this.open()
  }

  private moved(call: CallView | null, phase: string): void {
    const { ui, desk } = this
    this.said.phase = phase
    desk.options.bridge.say({ livedesk: 'event', name: 'call', detail: { state: phase } })
    if (phase === 'ringing' || phase === 'calling') this.ring.start(phase === 'ringing')
    else this.ring.stop()
    if (phase === 'connected') ui.refused = null
    // It rings, or goes on, where nobody would see it.
    const hidden = desk.state.size === 'pill' || desk.state.size === 'hidden'
    if (hidden && (phase === 'ringing' || phase === 'away')) desk.show('tile')
    // A page that could keep nothing knows of the call before it knows of the conversation.
    if (phase !== 'none' && !desk.client?.current) desk.ask({})
    clearInterval(this.ticking)
    if (this.live) this.ticking = setInterval(() => (ui.now = Date.now()), 500)
    if (phase === 'ended') {
      ui.soundBlocked = false
      const over = call!.call.call_id
      setTimeout(() => this.client.dismiss(over), ENDED_MS)
    }
  }

  /** Called also when the frame has another size. */
  duck(): void {
    const { bridge } = this.desk.options
    const { size, view, player } = this.desk.state
    const ringing = this.said.phase === 'ringing' || this.said.phase === 'calling'
    const talking = this.live && !ringing && !['away', 'elsewhere', 'refused'].includes(this.said.phase)
    const volume = talking ? TALKING_VOLUME : ringing ? RINGING_VOLUME : 1
    const swap = talking && size === 'full' && view !== 'capture' && player.swaps
    if (volume === this.said.volume && swap === this.said.swap) return
    Object.assign(this.said, { volume, swap })
    bridge.say({ livedesk: 'duck', volume, swap })
  }
}
