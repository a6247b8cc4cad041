import { browserClock, type Participant } from '@livedesk/protocol'
import {
  CallClient,
  DeviceRefused,
  pageBrowser,
  type CallBrowser,
  type CallsView,
  type CallView,
  type DeviceFault,
  type GuestSocket,
} from '@livedesk/protocol/CallClient.ts'
import { CALLER_CONSENT } from '@livedesk/protocol/consents.ts'
import { shallowReactive } from 'vue'
import { language } from './words.ts'

/** What the guest does before his media is in: choose how he comes, answer the browser, look at himself. */
export type Before = 'choose' | 'asking' | 'preview' | 'in' | 'left'

export interface GuestUi {
  view: CallsView
  before: Before
  /** Whether the desk answered at all since the page was opened. */
  loaded: boolean
  /** The link opens nothing (any more). */
  closed: boolean
  offline: boolean
  fault: DeviceFault | null
  soundBlocked: boolean
}

/** The one call of a guest: what the person decides, beside what the client of calls does by itself. */
export class GuestCall {
  readonly client: CallClient
  readonly ui: GuestUi
  readonly secure: boolean

  constructor(
    private readonly socket: GuestSocket,
    browser: CallBrowser = pageBrowser(),
    clock = browserClock,
  ) {
    this.secure = browser.devices !== undefined
    this.client = new CallClient({ side: 'guest', socket, browser, clock })
    this.ui = shallowReactive<GuestUi>({
      view: this.client.view,
      before: 'choose',
      loaded: false,
      closed: false,
      offline: false,
      fault: null,
      soundBlocked: false,
    })
    this.client.subscribe(() => this.changed())
    socket.subscribe(() => this.changed())
  }

  begin(): void {
    this.client.start()
    this.socket.start()
  }

  get call(): CallView | null {
    return this.ui.view.calls[0] ?? null
  }

  get agent(): Participant | null {
    return this.call?.others.find((one) => one.role === 'agent') ?? null
  }

  /** Opens what is wished; with a camera one looks at oneself first, else one is in at once. */
  async choose(wish: { camera?: boolean; microphone?: boolean }): Promise<void> {
    this.ui.before = 'asking'
    if (!(await this.device(() => this.client.devices.open(wish)))) {
      this.ui.before = 'choose'
      return
    }
    if (wish.camera) this.ui.before = 'preview'
    else await this.join()
  }

  back(): void {
    this.client.devices.close()
    this.ui.before = 'choose'
  }

  async join(move = false): Promise<void> {
    const { call } = this
    if (!call) return
    this.ui.before = 'in'
    // What comes of it is a phase of the view.
    await this.client.join(call.call.call_id, { move }).catch(() => {})
  }

  async device(wish: () => Promise<void>): Promise<boolean> {
    this.ui.fault = null
    try {
      await wish()
      return true
    } catch (thrown) {
      this.ui.fault = thrown instanceof DeviceRefused ? thrown.fault : 'failed'
      return false
    }
  }

  consent(granted: boolean): void {
    this.client.consent(granted, CALLER_CONSENT.version, language.value).catch(() => {})
  }

  leave(): void {
    const { call } = this
    this.ui.before = 'left'
    if (call) this.client.hangUp(call.call.call_id).catch(() => {})
  }

  private changed(): void {
    const { status, refusal } = this.socket.state
    this.ui.view = this.client.view
    if (this.ui.view.calls.length > 0) this.ui.loaded = true
    this.ui.offline = status === 'waiting'
    const closed = status === 'refused' && refusal !== null
    if (closed === this.ui.closed) return
    this.ui.closed = closed
    // Taken back, or its time is over: what he sends ends with the right to send it.
    if (closed) this.client.stop()
  }
}
