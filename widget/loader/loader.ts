import { EVENTS, isPlace, readFromFrame, type EventName, type Finding, type Place, type Size, type ToFrame } from '../src/messages.ts'
import { cornerOf, dragged, geometry, isPhone, type Box, type Corner, type Viewport } from './geometry.ts'
import { playerOf, type AnyPlayer, type Player } from './player.ts'

type Identity = string | (() => Promise<string | null> | string | null)
type Listener = (detail: unknown) => void

/** Silent this long after it was created, the frame was most likely refused by a policy. */
const FRAME_ANSWERS_MS = 8_000
const REPORT_MS = 2_000
/** Below what a call that fills the page says at its top; its buttons are at the bottom, and so may a question be. */
const BELOW_WORDS = 40
/** In a lower page the buttons of a call would be under the stream. */
const STREAM_BESIDE = 560

/**
 * What a merchant's page has on `window.LiveDesk`. Before the script has run the page may leave calls in
 * an array, `(window.LiveDesk = window.LiveDesk || []).push(['open', {product: 'p1'}])`; they are made in
 * order when it has.
 */
export interface LiveDesk {
  open(place?: Place): void
  close(): void
  /** A token signed by the merchant's server, or a function that fetches one; null: nobody is signed in. */
  setIdentity(identity: Identity | null): void
  /** Ends the session; forgets unsent lines, place and unread count. */
  logout(): void
  setLocale(locale: string): void
  /** Where the buyer stands, now or asked at the tap of the entry. */
  setPlace(place: Place | (() => Place)): void
  /**
   * The stream: turned down or silenced during a call, changed places with it where `place` is there. Not
   * needed by who listens to `duck` himself. The answer ends it.
   */
  attachPlayer(player: AnyPlayer): () => void
  /** The answer ends it. */
  on(name: EventName, listener: Listener): () => void
  /** Says what is wrong: origin, policy, token, clock. Also printed to the console. */
  debug(): Promise<Finding[]>
  push(call: [method: string, ...args: unknown[]]): void
}

/** Says to the page's makers what of theirs went wrong, as `LiveDesk.` and its name. */
function wrong(where: string, what: unknown): void {
  console.error('LiveDesk.' + where, what)
}

/** Starts the desk on a page. `script` is the tag that loaded us: its origin is the desk's. */
export function start(window: Window & { LiveDesk?: unknown }, script: HTMLScriptElement): LiveDesk {
  const { document } = window
  const origin = new URL(script.src).origin
  const { shop = '', entry, side, bottom, theme } = script.dataset
  const place = { side: side === 'left' ? ('left' as const) : ('right' as const), bottom: Number(bottom) || 16 }
  const listeners: Partial<Record<EventName, Listener[]>> = {}
  const toSay: ToFrame[] = []
  let frame: HTMLIFrameElement | null = null
  let ready = false
  let silent = false
  let blocked = ''
  let size: Size = 'hidden'
  let pill = { width: 0, height: 0 }
  let entered: HTMLElement | null = null
  let unsaved = 0
  let corner: Corner | undefined
  let held: Box | null = null
  let player: Player | null = null
  /** What the call wants of the stream, whichever it is. */
  let stream = { volume: 1, swap: false }
  let told = false
  let locale = script.dataset['locale'] ?? ''
  let identity: Identity | null = null
  let where: Place | (() => Place) = {}
  let report: ((findings: Finding[]) => void) | null = null

  const dark = window.matchMedia('(prefers-color-scheme: dark)')
  const look = () => ({
    theme: theme === 'dark' || (theme !== 'light' && dark.matches) ? ('dark' as const) : ('light' as const),
    phone: isPhone(viewport()),
  })

  function viewport(): Viewport {
    const { innerWidth: width, innerHeight: height, visualViewport: visual } = window
    // Zoomed in by the fingers it is not a keyboard that makes the visible part small.
    if (!visual || visual.scale > 1.01) return { width, height, visible: height, top: 0 }
    return { width, height, visible: visual.height, top: visual.offsetTop }
  }

  /** Where the stream is while a call fills the page: opposite the small pictures. */
  function beside(): Box | null {
    const view = viewport()
    const box = geometry('tile', view, place, pill, { side: 'left', edge: 'top' })
    return view.visible < STREAM_BESIDE ? null : { ...box, top: box.top + BELOW_WORDS }
  }

  function arrange(): void {
    if (!frame) return
    const box = held ?? geometry(size, viewport(), place, pill, corner)
    const { style } = frame
    style.left = box.left + 'px'
    style.top = box.top + 'px'
    style.width = box.width + 'px'
    style.height = box.height + 'px'
    const floats = size === 'tile' || (size === 'sheet' && !isPhone(viewport()))
    style.borderRadius = floats ? '16px' : '0'
    style.boxShadow = floats ? '0 12px 40px rgba(20,24,33,.24)' : 'none'
    style.visibility = size === 'hidden' ? 'hidden' : 'visible'
    lay()
  }

  /** The stream where it has to be now; that it cannot be there is said, or the call would leave room for it. */
  function lay(): void {
    if (!player) return
    player.place(stream.swap ? beside() : null)
    if (told !== player.can.swaps) introduce()
  }

  function introduce(): void {
    told = !!player?.can.swaps
    say({ livedesk: 'player', ...(player ? player.can : { sound: '', swaps: told }) })
  }

  /** Whether a call is on, kept for a page that is loaded anew: the frame's own storage may be refused. */
  function inCall(now?: { state?: string }): boolean {
    try {
      const { sessionStorage: kept } = window
      if (now) kept.setItem('livedesk/call', now.state && !/none|ended|outside/.test(now.state) ? '1' : '')
      return kept.getItem('livedesk/call') === '1'
    } catch {
      return false
    }
  }

  function say(message: ToFrame): void {
    if (ready) frame?.contentWindow?.postMessage(message, origin)
    else toSay.push(message)
  }

  function tell(name: EventName, detail: unknown): void {
    for (const listener of listeners[name] ?? []) {
      try {
        listener(detail)
      } catch (fault) {
        wrong('on ' + name, fault)
      }
    }
  }

  /** The frame is made once, never moved to another parent (that would reload it), only resized. */
  function create(): void {
    if (frame) return
    frame = document.createElement('iframe')
    frame.title = locale === 'en' ? 'Customer service' : '客服'
    frame.allow = 'camera; microphone; autoplay; display-capture; fullscreen; clipboard-write'
    frame.style.cssText =
      'position:fixed;border:0;margin:0;padding:0;max-width:none;max-height:none;background:none;' +
      // Another scheme than the frame's own would paint its transparent parts white.
      'color-scheme:light;z-index:2147483000'
    arrange()
    knock(frame)
    document.body.appendChild(frame)
  }

  /** Loads the frame, again at the next opening if nobody is there: the desk may have been away. */
  function knock(frame: HTMLIFrameElement): void {
    silent = false
    frame.src =
      origin + '/widget/frame?shop=' + encodeURIComponent(shop) + '&parent=' + encodeURIComponent(location.origin)
    setTimeout(() => {
      if (ready) return
      silent = true
      console.warn('LiveDesk: The frame does not answer. LiveDesk.debug() says more.')
    }, FRAME_ANSWERS_MS)
  }

  async function giveIdentity(): Promise<void> {
    let token: string | null = null
    try {
      token = typeof identity === 'function' ? await identity() : identity
    } catch (fault) {
      wrong('setIdentity', fault)
    }
    say({ livedesk: 'identity', token: token || null })
  }

  const hear = (event: MessageEvent): void => {
    if (!frame || event.origin !== origin || event.source !== frame.contentWindow) return
    const message = readFromFrame(event.data)
    if (!message) return
    switch (message.livedesk) {
      case 'ready':
        ready = true
        say({ livedesk: 'welcome', locale, own: !!entry, signed: !!identity, inCall: inCall(), ...look() })
        if (player) introduce()
        for (const waiting of toSay.splice(0)) say(waiting)
        tell('ready', null)
        break
      case 'size':
        // What was opened by the page's own entry gives the keyboard back to it.
        if (size === 'sheet' && message.size === 'hidden') entered?.focus({ preventScroll: true })
        size = message.size
        held = null
        if (size === 'pill') pill = { width: Math.min(320, message.width), height: Math.min(96, message.height) }
        arrange()
        break
      case 'entered':
        desk.open()
        break
      case 'identity-wanted':
        void giveIdentity()
        break
      case 'event':
        if (message.name === 'call') inCall(message.detail as { state?: string })
        tell(message.name, message.detail)
        break
      case 'drag': {
        const view = viewport()
        const box = dragged(geometry('tile', view, place, pill, corner), message.x, message.y, view)
        held = message.done ? null : box
        if (message.done) corner = cornerOf(box, view)
        arrange()
        break
      }
      case 'duck':
        stream = message
        player?.duck(message.volume)
        lay()
        tell('duck', { volume: message.volume })
        break
      case 'unsaved':
        unsaved = message.lines
        break
      case 'report':
        report?.(message.findings)
        break
    }
  }

  const desk: LiveDesk = {
    open(asked = {}) {
      const here = { ...(typeof where === 'function' ? where() : where), ...asked }
      create()
      if (silent && frame) knock(frame)
      if (isPlace(here)) say({ livedesk: 'open', place: here })
      else wrong('open: no place', here)
    },
    close: () => say({ livedesk: 'close' }),
    setIdentity(to) {
      identity = to
      if (ready) say({ livedesk: 'signed', signed: !!to })
    },
    logout() {
      identity = null
      unsaved = 0
      say({ livedesk: 'logout' })
    },
    setLocale(to) {
      locale = to
      say({ livedesk: 'locale', locale: to })
    },
    setPlace: (to) => void (where = to),
    attachPlayer(attached) {
      const mine = playerOf(attached, () => tell('duck', { volume: 0 }))
      player?.release()
      player = mine
      mine.duck(stream.volume)
      introduce()
      lay()
      return () => {
        mine.release()
        if (player !== mine) return
        player = null
        introduce()
      }
    },
    on(name, listener) {
      if (!EVENTS.includes(name)) wrong('on: none of ' + EVENTS.join(), name)
      const all = (listeners[name] ??= [])
      all.push(listener)
      if (name === 'ready' && ready) listener(null)
      return () => void all.splice(all.indexOf(listener), 1)
    },
    async debug() {
      const findings: Finding[] = [
        { check: 'shop', ok: !!shop, say: shop || 'The script tag needs data-shop.' },
        { check: 'desk', ok: true, say: origin },
        { check: 'page', ok: window.isSecureContext, say: location.origin },
      ]
      if (!frame) findings.push({ check: 'frame', ok: true, say: 'Not created yet.' })
      else if (!ready) {
        const why =
          blocked ||
          'The frame does not answer. Is there a shop ' + shop + ' that lists ' + location.origin + '? Is the desk up?'
        findings.push({ check: 'policy', ok: false, say: why })
      } else {
        const told = new Promise<Finding[]>((resolve) => {
          report = resolve
          setTimeout(() => resolve([{ check: 'frame', ok: false, say: 'The frame does not answer.' }]), REPORT_MS)
        })
        say({ livedesk: 'debug' })
        findings.push(...(await told))
      }
      console.table(findings)
      return findings
    },
    push(call) {
      const [method, ...args] = call
      const made = Object.prototype.hasOwnProperty.call(desk, method) ? desk[method as 'open'] : undefined
      if (!made || method === 'push') return wrong(method, 'is not there')
      try {
        ;(made as (...args: unknown[]) => void)(...args)
      } catch (fault) {
        // What the page asked for besides is done.
        wrong(method, fault)
      }
    },
  }

  window.addEventListener('message', hear)
  window.addEventListener('resize', seen)
  window.visualViewport?.addEventListener('resize', arrange)
  window.visualViewport?.addEventListener('scroll', arrange)
  if (dark.addEventListener) dark.addEventListener('change', seen)
  window.addEventListener('beforeunload', (event) => {
    if (unsaved === 0) return
    event.preventDefault()
    event.returnValue = ''
  })
  document.addEventListener('securitypolicyviolation', (event) => {
    if (event.blockedURI.startsWith(origin)) {
      blocked = 'The policy of this page forbids ' + origin + ' (' + event.effectiveDirective + ').'
    }
  })
  document.addEventListener('click', (event) => {
    entered = ownEntry(event) ?? entered
    if (ownEntry(event)) desk.open()
  })
  // A tap on the stream puts the sheet back, or a call that fills the page; on a desktop the page stays in use.
  document.addEventListener('pointerdown', (event) => {
    if ((size === 'full' || (size === 'sheet' && isPhone(viewport()))) && !ownEntry(event)) desk.close()
  })

  function ownEntry(event: Event): HTMLElement | null {
    return entry && event.target instanceof Element ? event.target.closest<HTMLElement>(entry) : null
  }

  function seen(): void {
    arrange()
    if (ready) say({ livedesk: 'look', ...look() })
  }

  // The stream first: the entry comes when the page has its own work behind it.
  if (document.readyState === 'complete') create()
  else window.addEventListener('load', create)

  const early = window.LiveDesk
  window.LiveDesk = desk
  if (Array.isArray(early)) for (const call of early) desk.push(call as [string])
  return desk
}
