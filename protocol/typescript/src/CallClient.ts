import { asRefusal, Refusal } from './refusal.ts'
import type { AdjustAsked, Call, CallMark, GiveConsent, Participant, StillAsked } from './wire.ts'
import { adjust, differs, flagsOf, type Adjusted } from './call/controls.ts'
import { Devices } from './call/Devices.ts'
import { Legs } from './call/Legs.ts'
import { MarkTrack } from './call/MarkTrack.ts'
import { keepRejoin, keptRejoin } from './call/rejoin.ts'
import { after, meIn, NO_CALLS, phaseOf, type CallsAction, type CallsState, type Part } from './call/state.ts'
import type { ActiveCall, CallClientOptions, CallsView, CallView } from './call/view.ts'

export { DeviceRefused, type DeviceFault, type Devices, type DevicesState, type Facing } from './call/Devices.ts'
export type { Adjusted } from './call/controls.ts'
export { pageBrowser, type CallBrowser } from './call/browser.ts'
export { GuestSocket } from './call/guest.ts'
export { callSocket, type CallSocket } from './call/socket.ts'
export { EMPTY_BOARD, mayDraw, pictureBox, pointIn, type Board, type Boards, type Box, type Pointer, type Shape } from './call/marks.ts'
export type { Figures, Level, Step } from './call/quality.ts'
export type { Part, Phase, Role } from './call/state.ts'
export type { ActiveCall, CallClientOptions, CallsView, CallView } from './call/view.ts'

/** Black goes out at once when the page is out of sight; told as camera off after this: a page that is loaded anew
 *  is gone by then, and whoever joins again had it on. */
const BLANK_MS = 500
/** Who draws a slider changes the zoom with every frame; the others are told where it stands at most so often. */
const ZOOM_MS = 700

/**
 * Calls on one page, for buyers, agents, supervisors and guests: rings, media, marks, and how all of it goes on
 * over reloads and changed networks.
 *
 * ```ts
 * const calls = new CallClient({ side: 'buyer', socket: callSocket(logClient), browser: pageBrowser(), clock })
 * calls.subscribe(() => render(calls.view))
 * calls.start()
 * await calls.devices.open({ camera: true, microphone: true })  // preview: view.devices.preview
 * await calls.invite({ conversationId, media: 'video' })        // rings; joins by itself when answered
 * await calls.answer(callId)                                    // the other way round
 * element.srcObject = calls.view.active.streams.get(participantId)
 * calls.devices.setMicrophone(false); calls.devices.switchCamera(); calls.devices.shareScreen(true)
 * await calls.consent(true, CALLER_CONSENT.version, 'zh-CN')
 * await calls.draw({ shape: 'circle', mark_id: calls.newMarkId(), of, frame_at, … })
 * await calls.hangUp(callId); calls.dismiss(callId)
 * ```
 *
 * What it promises
 * - `view` follows the server: of two states of a call the one with the higher revision counts, and whatever was
 *   missed while there was no connection is asked for with the next one.
 * - Nothing is opened by itself: camera and microphone only by `devices.open` and its kin. Without any the call
 *   is joined all the same, one hears and sees.
 * - `devices` tell themselves: the others learn (`call.set`) what goes out, and what of a buyer's camera can be set.
 * - Torch and zoom of a buyer's camera that is on are set as the agent of the call asks; whoever shows this says so
 *   (`onAdjusted`). No camera is turned on or changed for another by it.
 * - A lost path, another network, a server that hears nothing or another media process: a new leg is opened until
 *   one stands or the call is over (`phase` is `reconnecting`). A call taken over by another page is left alone
 *   (`elsewhere`); `join(id, { move: true })` brings it here.
 * - One call at a time has media here; to invite to, answer or join another is refused as `busy`.
 * - When the call ends or is left, camera and microphone are given back.
 *
 * Rejections are `Refusal` (of the server or the connection) or, of devices, `DeviceRefused`.
 */
export class CallClient {
  readonly devices: Devices
  private state: CallsState = NO_CALLS
  private readonly legs: Legs
  private marks: MarkTrack | null = null
  /** The call's revision and the flags that were told last: nothing is told twice. */
  private flagsTold = ''
  /** The page has just gone out of sight. */
  private cancelBlank: (() => void) | null = null
  /** Where the zoom stands is told with this. */
  private cancelZoom: (() => void) | null = null
  private offs: (() => void)[] = []
  /** Calls that this page asked for: answered, it joins. */
  private readonly asked = new Set<string>()
  private readonly listeners = new Set<() => void>()
  private readonly stillListeners = new Set<(asked: StillAsked) => void>()
  private readonly adjustedListeners = new Set<(what: Adjusted) => void>()
  /** What the agent asked of the camera is done in this order. */
  private adjusting = Promise.resolve()
  private snap: CallsView | null = null
  private carried = false

  constructor(private readonly options: CallClientOptions) {
    // A buyer shows what he bought, and not where he is while he does not look.
    const facing = options.side === 'buyer' ? 'environment' : 'user'
    this.devices = new Devices(options.browser, options.clock, facing, (sent) => this.devicesChanged(sent))
    this.legs = new Legs(options, this.devices, {
      joined: (callId, joined) => {
        this.do({ type: 'own', callId, participantId: joined.participant_id })
        this.do({ type: 'leg', callId, change: { legId: joined.leg_id, tracks: joined.tracks } })
        this.told(joined.call)
      },
      up: (callId) => {
        this.flagsTold = ''
        this.do({ type: 'leg', callId, change: { leg: 'up', refusal: null } })
        this.tellFlags()
        void this.marks?.read()
      },
      lost: (callId) => this.do({ type: 'leg', callId, change: { leg: 'lost' } }),
      refused: (callId, refusal) => this.refused(callId, refusal),
      changed: () => this.changed(),
    })
  }

  // What is seen ---------------------------------------------------------------------------------------

  get view(): CallsView {
    return (this.snap ??= this.look())
  }

  /** Calls after every change of `view`. The answer ends it. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  /** The agent asks this buyer's camera for a still. The answer ends it. */
  onStill(listener: (asked: StillAsked) => void): () => void {
    this.stillListeners.add(listener)
    return () => void this.stillListeners.delete(listener)
  }

  /** The agent has set something of this buyer's camera. The answer ends it. */
  onAdjusted(listener: (what: Adjusted) => void): () => void {
    this.adjustedListeners.add(listener)
    return () => void this.adjustedListeners.delete(listener)
  }

  // Beginning and end ----------------------------------------------------------------------------------

  /** Follows the calls of this connection. Called again it changes nothing. */
  start(): void {
    if (this.offs.length > 0) return
    const { socket, browser } = this.options
    const told = ({ call }: { call: Call }): void => this.told(call)
    this.offs = [
      ...TOLD.map((event) => socket.on(event, told)),
      socket.on('call.reconnecting', ({ call, participant_id }) => {
        this.told(call)
        // The server hears nothing of ours, whatever it looks like from here.
        if (this.meOf(call)?.participant_id === participant_id && this.isActive(call.call_id)) this.legs.lost()
      }),
      socket.on('call.moved', ({ call_id, leg_id }) => {
        if (!this.isActive(call_id) || this.state.part?.legId === leg_id || this.legs.trying) return
        this.legs.close()
        this.do({ type: 'leg', callId: call_id, change: { leg: 'elsewhere', legId: null } })
      }),
      socket.on('call.routed', ({ call_id, leg_id, tracks }) => {
        if (this.state.part?.legId === leg_id) this.do({ type: 'leg', callId: call_id, change: { tracks } })
      }),
      socket.on('call.marked', ({ call_id, entry }) => {
        if (this.marks?.callId === call_id) this.marks.take(entry)
      }),
      socket.on('call.quality_changed', (change) => this.do({ type: 'quality', change })),
      socket.on('call.still_asked', (asked) => this.stillListeners.forEach((listener) => listener(asked))),
      socket.on('call.adjust_asked', (asked) => void (this.adjusting = this.adjusting.then(() => this.adjusted(asked)))),
      socket.connected(() => {
        void this.load()
        this.legs.wake()
      }),
      browser.watch((what) => {
        if (what === 'network') this.legs.moved()
        else this.seen(what === 'shown')
      }),
    ]
  }

  /** Ends it: the leg is closed, the devices are given back. The call itself is kept for a while. */
  stop(): void {
    this.offs.splice(0).forEach((off) => off())
    this.asked.clear()
    this.legs.close()
    if (this.state.part) this.do({ type: 'left', callId: this.state.part.callId })
  }

  /** Whom a call concerns (`concerns`) may be another than before. */
  reconsider(): void {
    this.standAside()
    this.changed()
  }

  private get stopped(): boolean {
    return this.offs.length === 0
  }

  // Ring -----------------------------------------------------------------------------------------------

  /** Asks the other side for a call. Agents bring the fence of their assignment. */
  async invite(wish: { conversationId: string; media: Call['media']; fence?: number }): Promise<Call> {
    this.onlyOne(null)
    const { socket } = this.options
    const called = await socket.insist('call.invite', {
      conversation_id: wish.conversationId,
      client_id: socket.newClientId(),
      media: wish.media,
      ...(wish.fence === undefined ? {} : { fence: wish.fence }),
    })
    if (!this.stopped) this.asked.add(called.call.call_id)
    this.called(called)
    return called.call
  }

  /** Takes the call that rings here: it rings no more, and nothing of this page goes out before it joins. */
  async accept(callId: string): Promise<void> {
    this.onlyOne(callId)
    const state = this.callOf(callId)?.state
    // Who is rung as the next agent only joins: it was answered by the one before.
    if (state !== undefined && state !== 'ringing') return
    this.called(await this.options.socket.insist('call.answer', { call_id: callId }))
  }

  /** Takes the call that rings here, and joins it. */
  async answer(callId: string): Promise<void> {
    await this.accept(callId)
    await this.join(callId)
  }

  async decline(callId: string): Promise<void> {
    if (!this.state.part) this.devices.close()
    this.called(await this.options.socket.insist('call.decline', { call_id: callId }))
  }

  /** Leaves at once, also without a connection; the server is told as soon as there is one. */
  async hangUp(callId: string): Promise<void> {
    const call = this.callOf(callId)
    const role = call && this.meOf(call)?.role
    const own = this.asked.delete(callId) || this.isActive(callId)
    if (own) this.legs.close()
    keepRejoin(this.options.browser, callId, null)
    if (call && (role === 'buyer' || role === 'agent')) this.ended(call, 'hung_up')
    this.do({ type: 'left', callId })
    this.called(await this.options.socket.insist('call.hang_up', { call_id: callId }))
  }

  /** An ended call is not shown any more. */
  dismiss(callId: string): void {
    if (this.callOf(callId)?.state === 'ended') this.do({ type: 'dismissed', callId })
  }

  // Media ----------------------------------------------------------------------------------------------

  /** Brings one's media into the call, again after a reload; resolves when it is up. `move`: from another page. */
  async join(callId: string, { move = false } = {}): Promise<void> {
    this.onlyOne(callId)
    const leg = this.isActive(callId) ? this.state.part?.leg : undefined
    if (leg === 'joining' || leg === 'up' || leg === 'lost') return
    const { socket, clock } = this.options
    this.marks = new MarkTrack(callId, socket, clock, () => clock.now() + (this.state.ahead ?? 0), () => this.changed())
    this.legs.meter.reset()
    this.do({ type: 'part', part: { callId, leg: 'joining', legId: null, tracks: [], refusal: null } })
    await this.legs.open(callId, move)
  }

  /** Agrees to being recorded or not, by the text that was shown; refusing after agreeing withdraws. */
  async consent(granted: boolean, textVersion: GiveConsent['text_version'], locale: 'zh-CN' | 'en'): Promise<void> {
    const { callId } = this.active()
    const said = { call_id: callId, granted, text_version: textVersion, locale }
    this.called(await this.options.socket.insist('call.consent', said))
  }

  // Guidance -------------------------------------------------------------------------------------------

  /** An id for the next mark. */
  newMarkId(): string {
    return this.options.socket.newClientId()
  }

  /** Draws for both sides, here at once. A refused mark is taken back and rejects. */
  async draw(mark: CallMark): Promise<void> {
    this.active()
    const me = this.view.active?.me?.participant_id ?? ''
    await this.marks?.draw(mark, me, this.options.clock.now() + (this.state.ahead ?? 0))
  }

  /** Agents: asks the buyer's camera for a still of high resolution. */
  async askStill(): Promise<StillAsked> {
    const { socket } = this.options
    return socket.insist('call.still', { call_id: this.active().callId, client_id: socket.newClientId() })
  }

  /** Agents: asks for torch or zoom of the buyer's camera, once: later it would be another picture. */
  async askAdjust(wish: { torch?: boolean; zoom?: number }): Promise<void> {
    await this.options.socket.ask('call.adjust', { call_id: this.active().callId, ...wish })
  }

  // Supervisors ----------------------------------------------------------------------------------------

  /** Hears the call (and joins it), is heard by the agent alone, is heard by all. */
  async supervise(callId: string, mode: 'listen' | 'whisper' | 'barge'): Promise<void> {
    this.onlyOne(callId)
    if (mode === 'listen') this.devices.close()
    else if (mode === 'whisper') await this.showNothing()
    const called = await this.options.socket.insist(`call.${mode}`, { call_id: callId })
    const seat = called.call.participants.find((one) => one.role === 'supervisor' && one.state !== 'left')
    if (seat) this.do({ type: 'own', callId, participantId: seat.participant_id })
    this.called(called)
    await this.join(callId)
  }

  /** Who whispers is heard by the agent and seen by nobody. */
  private async showNothing(): Promise<void> {
    await this.devices.shareScreen(false)
    await this.devices.setCamera(false)
  }

  /** Takes conversation and call from the agent. */
  async takeOver(callId: string): Promise<void> {
    this.called(await this.options.socket.insist('call.take_over', { call_id: callId }))
  }

  // What the server says -------------------------------------------------------------------------------

  private async load(): Promise<void> {
    const asked = this.state.calls.filter((call) => this.meOf(call)).map((call) => call.call_id)
    try {
      const { calls, now } = await this.options.socket.insist('call.load', {})
      if (this.stopped) return
      this.carried = true
      this.do({ type: 'loaded', ahead: now - this.options.clock.now(), calls, asked })
      for (const call of calls) {
        const own = keptRejoin(this.options.browser, call.call_id)
        if (own) this.do({ type: 'own', callId: call.call_id, participantId: own.participantId })
        this.joinIfAnswered(call)
      }
    } catch (thrown) {
      if (this.stopped) return
      // Events and the next connection tell more.
      if (asRefusal(thrown).code === 'media_away') this.carried = false
      this.changed()
    }
    if (this.state.part?.leg === 'up') void this.marks?.read()
  }

  private called({ call, now }: { call: Call; now: number }): void {
    this.told(call, now - this.options.clock.now())
  }

  private told(call: Call, ahead?: number): void {
    this.do(ahead === undefined ? { type: 'told', call } : { type: 'told', call, ahead })
    this.joinIfAnswered(call)
    this.tellFlags()
  }

  private joinIfAnswered(call: Call): void {
    if (this.stopped || call.state === 'ringing' || call.state === 'ended' || !this.asked.delete(call.call_id)) return
    if (!this.state.part) this.join(call.call_id).catch(() => {})
  }

  /** It is over, though the server has not said so here. */
  private ended(call: Call, reason: Call['reason']): void {
    this.do({ type: 'told', call: { ...call, revision: call.revision + 1, state: 'ended', reason: reason ?? null } })
  }

  // The leg --------------------------------------------------------------------------------------------

  private refused(callId: string, { code, message }: Refusal): void {
    this.legs.close()
    const call = this.callOf(callId)
    if (code === 'call_ended' || code === 'not_found') {
      if (call) this.ended(call, null)
      this.do({ type: 'left', callId })
    } else {
      const leg = code === 'elsewhere' ? 'elsewhere' : 'refused'
      this.do({ type: 'leg', callId, change: { leg, legId: null, refusal: { code, message } } })
    }
  }

  // Devices --------------------------------------------------------------------------------------------

  private devicesChanged(sent: 'audio' | 'video' | null): void {
    // A question that was open when he went out of sight, or another page of his that sent him there.
    if (sent === 'video' && this.unheard() !== null) void this.showNothing()
    if (sent) this.legs.send(sent)
    this.changed()
    this.tellFlags()
  }

  private async adjusted(asked: AdjustAsked): Promise<void> {
    const { active } = this.view
    if (active?.call.call_id !== asked.call_id || active.me?.participant_id !== asked.participant_id || active.part.leg !== 'up') return
    // What the camera would not do after all, the agent sees from the flags that stay.
    const done = await adjust(this.devices, asked).catch(() => [])
    for (const what of done) for (const listener of [...this.adjustedListeners]) listener(what)
  }

  /** Tells the others what goes out, as long as the server knows it otherwise. */
  private tellFlags(zoomed = false): void {
    const { active } = this.view
    if (!active?.me || active.part.leg !== 'up') return
    const { me, call } = active
    const { camera } = this.devices.state
    const sent = camera === 'on' || (camera === 'blank' && this.cancelBlank !== null)
    const flags = flagsOf(this.devices.state, sent, this.options.side === 'buyer')
    const change = differs(me, flags)
    if (change === 'none') return
    if (change === 'zoom' && !zoomed) {
      this.cancelZoom ??= this.options.clock.after(ZOOM_MS, () => {
        this.cancelZoom = null
        this.tellFlags(true)
      })
      return
    }
    const telling = JSON.stringify([call.revision, flags])
    if (telling === this.flagsTold) return
    this.flagsTold = telling
    this.options.socket
      .ask('call.set', { call_id: call.call_id, ...flags })
      .then((called) => this.called(called))
      // The next change, or the next leg, tells.
      .catch(() => {})
  }

  private seen(shown: boolean): void {
    if (this.options.side === 'buyer') {
      this.cancelBlank?.()
      const told = (): void => {
        this.cancelBlank = null
        this.tellFlags()
      }
      this.cancelBlank = shown ? null : this.options.clock.after(BLANK_MS, told)
      this.devices.blank(!shown)
    }
    this.devices.seen(shown)
    if (shown) this.legs.seen()
  }

  // State ----------------------------------------------------------------------------------------------

  private do(action: CallsAction): void {
    const before = this.state
    const unheard = this.unheard()
    this.state = after(before, action)
    if (this.state === before) return
    this.stepBack(unheard)
    const over = action.type === 'told' && action.call.state === 'ended' ? action.call.call_id : before.part?.callId
    if (over !== undefined && this.callOf(over)?.state === 'ended') {
      const own = this.asked.delete(over) || (before.part?.callId === over && !this.state.part)
      keepRejoin(this.options.browser, over, null)
      if (own) this.legs.close()
    }
    this.standAside()
    this.changed()
  }

  /** How one is in this call as a supervisor whom not all hear; null for everybody else. */
  private unheard(): 'listener' | 'whisper' | null {
    const { part } = this.state
    const call = part && this.callOf(part.callId)
    const me = call && this.meOf(call)
    if (me?.role !== 'supervisor' || me.mode === 'barge') return null
    return me.mode ?? 'listener'
  }

  /** Also who did so on another page listens without a microphone, and whispers unseen. */
  private stepBack(before: 'listener' | 'whisper' | null): void {
    const now = this.unheard()
    if (now === before) return
    if (now === 'listener') this.devices.close()
    else if (now === 'whisper') void this.showNothing()
  }

  /** The call goes on with somebody else in one's seat: this page's media ends. An attempt hears so from the server. */
  private standAside(): void {
    const { part } = this.state
    if (!part || this.legs.trying || part.leg === 'joining') return
    const call = this.callOf(part.callId)
    if (!call || this.meOf(call)?.state !== 'left' || (this.options.concerns?.(call) ?? true)) return
    keepRejoin(this.options.browser, part.callId, null)
    this.do({ type: 'left', callId: part.callId })
    this.legs.close()
  }

  private look(): CallsView {
    const calls = this.state.calls.map((call) => this.viewOf(call))
    const { part } = this.state
    const seen = part && calls.find((one) => one.call.call_id === part.callId)
    const active: ActiveCall | null = seen
      ? {
          ...seen,
          part,
          streams: this.legs.streamsOf(part.tracks),
          boards: this.marks?.boards ?? {},
          figures: this.legs.meter.figures,
          level: this.legs.meter.level,
          step: this.legs.meter.step,
        }
      : null
    return { carried: this.carried, calls, active, devices: this.devices.state }
  }

  private viewOf(call: Call): CallView {
    const ahead = this.state.ahead ?? 0
    const me = this.meOf(call)
    return {
      call,
      phase: phaseOf(this.state, call, me),
      me,
      others: call.participants.filter((one) => one.participant_id !== me?.participant_id && one.state !== 'left'),
      ringUntil: call.ring_until - ahead,
      connectedAt: call.connected_at ? call.connected_at - ahead : null,
    }
  }

  private meOf(call: Call): Participant | null {
    const own = this.state.own[call.call_id] ?? null
    const seat = call.participants.find((one) => one.participant_id === own)
    if (seat && seat.state !== 'left') return seat
    // Another of one's side who sits there now is not oneself.
    if (!(this.options.concerns?.(call) ?? true)) return seat ?? null
    return meIn(call, own, this.options.side)
  }

  private callOf(callId: string): Call | undefined {
    return this.state.calls.find((call) => call.call_id === callId)
  }

  private isActive(callId: string): boolean {
    return this.state.part?.callId === callId
  }

  private active(): Part {
    if (!this.state.part) throw new Refusal('not_joined', 'This page is in no call.')
    return this.state.part
  }

  private onlyOne(callId: string | null): void {
    const { part } = this.state
    if (!part || part.callId === callId || part.leg === 'elsewhere' || part.leg === 'refused') return
    throw new Refusal('busy', 'One call at a time.')
  }

  private changed(): void {
    this.snap = null
    for (const listener of [...this.listeners]) listener()
  }
}

/** Events that say no more than how the call stands now. */
const TOLD = [
  'call.rang',
  'call.answered',
  'call.joined',
  'call.left',
  'call.changed',
  'call.recording_changed',
  'call.ended',
] as const
