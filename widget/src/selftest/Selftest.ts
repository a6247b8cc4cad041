import type { SelftestReport, SelftestStored } from '@livedesk/protocol'
import { asRefusal } from '@livedesk/protocol'
import { shallowReactive } from 'vue'
import { here, probe, type Abilities } from '../call/probe.ts'
import { ask, postJson, type Fetch } from '../http.ts'
import { browserOf, type Browser } from './browser.ts'
import * as probes from './probes.ts'
import { UNTRIED, works, type Found, type Probe } from './probes.ts'

/** As long as the desk says that it keeps reports: what the person agrees to. */
export const KEPT_DAYS: SelftestReport['kept_days'] = 180

/** In the order of the page; the second half needs a tap. */
export const PASSIVE = ['secure', 'app', 'api', 'policy', 'codecs', 'socket', 'storage', 'capture', 'screen'] as const
export const TAPPED = ['camera', 'torch', 'zoom', 'microphone', 'visibility'] as const
const ALL: readonly Probe[] = [...PASSIVE, ...TAPPED]

/** `shown`: what would be sent lies before the person, who has not said yes. */
export type Sending = 'no' | 'shown' | 'sending' | 'sent'

export interface SelftestView {
  browser: Browser
  abilities: Abilities
  /** What is still being found out is not in it. */
  found: Readonly<Partial<Record<Probe, Found>>>
  trying: 'camera' | 'microphone' | null
  /** How loud it is at the microphone now, 0 … 1. */
  level: number
  sending: Sending
  /** Why it did not get through. */
  refused: string | null
  keptUntil: number | null
}

/** The two steps, in the order of the page. */
export const DEVICES = ['camera', 'microphone'] as const
export type Device = (typeof DEVICES)[number]

/**
 * What a call comes to on this device. `unheard`: the buyer is seen, and writes. `barred`: no call before what
 * failed is put right. `pictures` and `nothing` are not for the person to put right here.
 */
export type Outlook = 'video' | 'unheard' | 'voice' | 'barred' | 'pictures' | 'nothing'

/** `outlook` is null while steps are left. `failed` did not open, or gave nothing. */
export interface Verdict {
  outlook: Outlook | null
  left: readonly Device[]
  failed: readonly Device[]
}

/** Pure. */
export function verdictOf({ abilities, found }: Pick<SelftestView, 'abilities' | 'found'>): Verdict {
  const whatever = (outlook: Outlook): Verdict => ({ outlook, left: [], failed: [] })
  if (found.socket?.outcome === 'fails') return whatever('nothing')
  if (!abilities.voice || found.codecs?.outcome === 'fails') return whatever('pictures')
  const { camera = UNTRIED, microphone = UNTRIED } = found
  const left = DEVICES.filter((name) => (found[name] ?? UNTRIED).outcome === 'untried')
  const failed = DEVICES.filter((name) => found[name]?.outcome === 'fails')
  if (left.length > 0) return { outlook: null, left, failed }
  const heard = microphone.outcome !== 'fails'
  if (camera.outcome !== 'works' || !abilities.video) return { outlook: heard ? 'voice' : 'barred', left, failed }
  if (heard) return { outlook: 'video', left, failed }
  // A call begins without a microphone where there is none, not where it is refused or taken.
  const begins = microphone.detail === 'missing' || microphone.detail === 'silent'
  return { outlook: begins ? 'unheard' : 'barred', left, failed }
}

/** The page: finds out, shows, and sends what was shown to who agreed. */
export class Selftest {
  readonly ui: SelftestView

  constructor(
    private readonly fetch: Fetch,
    private readonly tries: typeof probes = probes,
    abilities: Abilities = probe(here()),
  ) {
    this.ui = shallowReactive<SelftestView>({
      browser: browserOf(navigator.userAgent, {}, navigator.maxTouchPoints),
      abilities,
      found: {},
      trying: null,
      level: 0,
      sending: 'no',
      refused: null,
      keptUntil: null,
    })
  }

  /** All that nobody needs to be asked for. */
  async begin(): Promise<void> {
    const { ui, tries } = this
    const told = tries.hints()
    this.note(tries.seen(ui.browser, ui.abilities))
    await Promise.all([
      told.then((hints) => (ui.browser = browserOf(navigator.userAgent, hints, navigator.maxTouchPoints))),
      tries.codecs().then((codecs) => this.note({ codecs })),
      tries.socket().then((socket) => this.note({ socket })),
    ])
  }

  /** After a tap. */
  async tryCamera(video: HTMLVideoElement): Promise<void> {
    if (this.ui.trying) return
    this.ui.trying = 'camera'
    this.note(await this.tries.camera(video))
    this.ui.trying = null
  }

  /** After a tap. */
  async tryMicrophone(): Promise<void> {
    if (this.ui.trying) return
    this.ui.trying = 'microphone'
    const found = await this.tries.microphone(this.tries.ear(), (level) => (this.ui.level = level))
    this.note({ microphone: found })
    this.ui.trying = null
  }

  private wasHidden = false

  /** The page was shown or hidden. */
  showed(visible: boolean): void {
    if (visible && this.wasHidden) this.note({ visibility: works() })
    this.wasHidden = this.wasHidden || !visible
  }

  /** All that would be sent. */
  get report(): SelftestReport {
    const { browser, found } = this.ui
    const findings = Object.fromEntries(ALL.map((name) => [name, found[name] ?? UNTRIED])) as Record<Probe, Found>
    return { kept_days: KEPT_DAYS, browser: browser.browser, platform: browser.platform, model: browser.model, findings }
  }

  show(): void {
    this.ui.sending = 'shown'
    this.ui.refused = null
  }

  keep(): void {
    this.ui.sending = 'no'
  }

  /** The person agreed to what was shown. */
  async send(): Promise<void> {
    const { ui } = this
    if (ui.sending !== 'shown') return
    ui.sending = 'sending'
    ui.refused = null
    try {
      const { body } = await ask<SelftestStored>(this.fetch, '/api/v1/selftest', postJson(this.report))
      ui.keptUntil = body.kept_until
      ui.sending = 'sent'
    } catch (thrown) {
      ui.refused = asRefusal(thrown).code
      ui.sending = 'shown'
    }
  }

  private note(found: Partial<Record<Probe, Found>>): void {
    this.ui.found = { ...this.ui.found, ...found }
    // What was sent is not this any more.
    if (this.ui.sending === 'sent') this.ui.sending = 'no'
  }
}
