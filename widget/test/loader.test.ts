import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { start, type LiveDesk } from '../loader/loader.ts'
import type { FromFrame, ToFrame } from '../src/messages.ts'

const DESK = 'https://desk.example'
let removers: (() => void)[] = []

/** A merchant's page with the loader on it, and a frame that the test plays. */
class Page {
  readonly desk: LiveDesk
  readonly frame: HTMLIFrameElement
  readonly said: { message: ToFrame; target: string }[] = []
  readonly inside = { postMessage: (message: ToFrame, target: string) => void this.said.push({ message, target }) }

  constructor(dataset: Record<string, string> = {}, early?: unknown) {
    const script = document.createElement('script')
    script.src = `${DESK}/widget/livedesk.js`
    Object.assign(script.dataset, { shop: 's1' }, dataset)
    ;(window as { LiveDesk?: unknown }).LiveDesk = early
    for (const target of [window, document]) {
      const add = target.addEventListener.bind(target)
      vi.spyOn(target, 'addEventListener').mockImplementation(((name: string, heard: EventListener) => {
        add(name, heard)
        removers.push(() => target.removeEventListener(name, heard))
      }) as never)
    }
    vi.spyOn(document, 'readyState', 'get').mockReturnValue('complete')
    this.desk = start(window as never, script)
    this.frame = document.querySelector('iframe')!
    Object.defineProperty(this.frame, 'contentWindow', { value: this.inside })
  }

  hear(data: unknown, origin = DESK, source: unknown = this.inside): void {
    window.dispatchEvent(Object.assign(new Event('message'), { data, origin, source }))
  }

  say(message: FromFrame): void {
    this.hear(message)
  }

  names(): string[] {
    return this.said.map((one) => one.message.livedesk)
  }
}

// The frame is played by the test: nothing is to be loaded.
Object.defineProperty(HTMLIFrameElement.prototype, 'src', {
  get(this: HTMLElement) {
    return this.dataset['src']
  },
  set(this: HTMLElement, to: string) {
    this.dataset['src'] = to
  },
  configurable: true,
})

beforeEach(() => {
  document.body.innerHTML = '<button id="kefu"><span>客服</span></button><div id="stream"></div>'
  Object.assign(window, { innerWidth: 375, innerHeight: 812 })
})
afterEach(() => {
  removers.forEach((remove) => remove())
  removers = []
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('the frame', () => {
  test('is one, on the origin of the script, with shop, page, title and what calls need', () => {
    const page = new Page()
    expect(document.querySelectorAll('iframe')).toHaveLength(1)
    const address = new URL(page.frame.src)
    expect(address.origin + address.pathname).toBe(`${DESK}/widget/frame`)
    expect(address.searchParams.get('shop')).toBe('s1')
    expect(address.searchParams.get('parent')).toBe(location.origin)
    expect(page.frame.title).toBe('客服')
    expect(page.frame.allow).toBe('camera; microphone; autoplay; display-capture; fullscreen; clipboard-write')
  })

  test('stays where it is in the page, whatever its size', () => {
    const page = new Page()
    page.say({ livedesk: 'ready' })
    const { parentNode } = page.frame
    const moved = vi.spyOn(parentNode!, 'insertBefore')
    for (const size of ['pill', 'sheet', 'tile', 'full', 'hidden', 'sheet'] as const) {
      page.say({ livedesk: 'size', size, width: 120, height: 60 })
      expect(page.frame.parentNode).toBe(parentNode)
    }
    expect(moved).not.toHaveBeenCalled()
    expect(page.frame.style.height).toBe('585px')
    expect(document.querySelectorAll('iframe')).toHaveLength(1)
  })

  test('is spoken to with the exact origin only, and after it has said that it is ready', () => {
    const page = new Page()
    page.desk.open({ product: 'p1' })
    expect(page.said).toEqual([])
    page.say({ livedesk: 'ready' })
    expect(page.names()).toEqual(['welcome', 'open'])
    expect(new Set(page.said.map((one) => one.target))).toEqual(new Set([DESK]))
    expect(page.said[1]!.message).toEqual({ livedesk: 'open', place: { product: 'p1' } })
  })

  test.each([
    ['another origin', 'https://evil.example', undefined],
    ['a part of the origin', `${DESK}.evil.example`, undefined],
    ['plain http', 'http://desk.example', undefined],
    ['no origin', 'null', undefined],
    ['another window', DESK, {}],
  ])('is not believed from %s', (_, origin, source) => {
    const page = new Page()
    const heard = vi.fn()
    page.desk.on('ready', heard)
    page.hear({ livedesk: 'ready' }, origin, source ?? page.inside)
    page.hear({ livedesk: 'size', size: 'full', width: 0, height: 0 }, origin, source ?? page.inside)
    expect(heard).not.toHaveBeenCalled()
    expect(page.frame.style.width).toBe('0px')
  })

  test.each([
    null,
    'ready',
    42,
    { livedesk: 'size' },
    { livedesk: 'size', size: 'huge', width: 1, height: 1 },
    { livedesk: 'size', size: 'pill', width: '1', height: 1 },
    { livedesk: 'size', size: 'pill', width: -5, height: 1 },
    { livedesk: 'event', name: 'constructor', detail: 1 },
    { livedesk: 'unsaved', lines: Number.NaN },
    { livedesk: '__proto__' },
    { livedesk: 'toString' },
    { livedesk: 'report', findings: [{ check: 1, say: {} }] },
  ])('is not understood when what it says has no declared shape: %j', (data) => {
    const page = new Page()
    page.say({ livedesk: 'ready' })
    const before = page.frame.style.cssText
    page.hear(data)
    expect(page.frame.style.cssText).toBe(before)
    expect(window.dispatchEvent(new Event('beforeunload', { cancelable: true }))).toBe(true)
  })
})

describe('a desk that is away', () => {
  test('is asked again at the next opening, and the opening is not forgotten', () => {
    vi.useFakeTimers()
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const page = new Page()
    const loaded = vi.spyOn(page.frame, 'src', 'set')
    page.desk.open({ product: 'p1' })
    expect(loaded).not.toHaveBeenCalled()
    vi.advanceTimersByTime(8_000)
    expect(warned).toHaveBeenCalledOnce()
    page.desk.open({ product: 'p2' })
    page.desk.open({ product: 'p2' })
    expect(loaded).toHaveBeenCalledOnce()
    page.say({ livedesk: 'ready' })
    expect(page.said.at(-1)!.message).toEqual({ livedesk: 'open', place: { product: 'p2' } })
    vi.advanceTimersByTime(20_000)
    expect(warned).toHaveBeenCalledOnce()
  })
})

describe('the page', () => {
  test('may call before the script has run; the calls are made in order', () => {
    const page = new Page({}, [
      ['setLocale', 'en'],
      ['setPlace', { liveSession: 'l1' }],
      ['open', { order: 'o1' }],
    ])
    page.say({ livedesk: 'ready' })
    expect(page.names()).toEqual(['welcome', 'locale', 'open'])
    expect(page.said[2]!.message).toEqual({ livedesk: 'open', place: { liveSession: 'l1', order: 'o1' } })
  })

  test('hears of a misspelt call, and nothing of the object itself can be called', () => {
    const wrong = vi.spyOn(console, 'error').mockImplementation(() => {})
    const page = new Page()
    page.desk.push(['opne'])
    page.desk.push(['constructor'])
    page.desk.push(['push', ['open']])
    page.desk.open({ product: 7 } as never)
    page.desk.on('unraed' as never, () => {})
    expect(wrong).toHaveBeenCalledTimes(5)
    page.say({ livedesk: 'ready' })
    expect(page.names()).toEqual(['welcome'])
  })

  test('knows after a reload whether a call was on', () => {
    onTestFinished(() => sessionStorage.clear())
    const loaded = (): Page => {
      document.querySelector('iframe')?.remove()
      vi.restoreAllMocks()
      const page = new Page()
      page.say({ livedesk: 'ready' })
      return page
    }
    let page = loaded()
    expect(page.said[0]!.message).toMatchObject({ livedesk: 'welcome', inCall: false })
    for (const [state, inCall] of [['connected', true], ['ended', false], ['calling', true], ['none', false]] as const) {
      page.say({ livedesk: 'event', name: 'call', detail: { state } })
      page = loaded()
      expect(page.said[0]!.message, state).toMatchObject({ livedesk: 'welcome', inCall })
    }
  })

  test('gives an identity only when asked, from a token or a function, and null when it cannot', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const page = new Page()
    const fetchToken = vi.fn(async () => 'signed')
    page.desk.setIdentity(fetchToken)
    page.say({ livedesk: 'ready' })
    expect(page.said[0]!.message).toMatchObject({ livedesk: 'welcome', signed: true })
    expect(fetchToken).not.toHaveBeenCalled()
    page.say({ livedesk: 'identity-wanted' })
    await vi.waitFor(() => expect(page.said).toHaveLength(2))
    expect(page.said[1]!.message).toEqual({ livedesk: 'identity', token: 'signed' })
    page.desk.setIdentity(() => Promise.reject(new Error('no')))
    expect(page.said[2]!.message).toEqual({ livedesk: 'signed', signed: true })
    page.say({ livedesk: 'identity-wanted' })
    await vi.waitFor(() => expect(page.said).toHaveLength(4))
    expect(page.said[3]!.message).toEqual({ livedesk: 'identity', token: null })
  })

  test('asks where the buyer stands at the tap of the pill', () => {
    const page = new Page()
    let at = 1_000
    page.desk.setPlace(() => ({ liveSession: 'l1', positionMs: (at += 500) }))
    page.say({ livedesk: 'ready' })
    page.say({ livedesk: 'entered' })
    page.say({ livedesk: 'entered' })
    expect(page.said.slice(1).map((one) => one.message)).toEqual([
      { livedesk: 'open', place: { liveSession: 'l1', positionMs: 1_500 } },
      { livedesk: 'open', place: { liveSession: 'l1', positionMs: 2_000 } },
    ])
  })

  test('opens with its own entry, which gets the keyboard back', () => {
    const page = new Page({ entry: '#kefu' })
    page.say({ livedesk: 'ready' })
    expect(page.said[0]!.message).toMatchObject({ own: true })
    document.querySelector<HTMLElement>('#kefu span')!.click()
    expect(page.names()).toEqual(['welcome', 'open'])
    page.say({ livedesk: 'size', size: 'sheet', width: 0, height: 0 })
    page.say({ livedesk: 'size', size: 'hidden', width: 0, height: 0 })
    expect(document.activeElement?.id).toBe('kefu')
  })

  test('a tap on the stream puts the sheet back on a phone, and leaves the panel on a desktop', () => {
    const page = new Page()
    page.say({ livedesk: 'ready' })
    page.say({ livedesk: 'size', size: 'sheet', width: 0, height: 0 })
    Object.assign(window, { innerWidth: 1440, innerHeight: 900 })
    document.querySelector('#stream')!.dispatchEvent(new Event('pointerdown', { bubbles: true }))
    expect(page.names()).toEqual(['welcome'])
    Object.assign(window, { innerWidth: 375, innerHeight: 812 })
    document.querySelector('#stream')!.dispatchEvent(new Event('pointerdown', { bubbles: true }))
    expect(page.names()).toEqual(['welcome', 'close'])
  })

  test('warns when it is left with lines that nobody has, and only then', () => {
    const page = new Page()
    const leaves = (): boolean => window.dispatchEvent(new Event('beforeunload', { cancelable: true }))
    page.say({ livedesk: 'ready' })
    expect(leaves()).toBe(true)
    page.say({ livedesk: 'unsaved', lines: 2 })
    expect(leaves()).toBe(false)
    page.desk.logout()
    expect(leaves()).toBe(true)
  })

  test('hears events until it stops listening, and a listener that fails stops nobody', () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const page = new Page()
    const heard: unknown[] = []
    page.desk.on('unread', () => {
      throw new Error('of the page')
    })
    const off = page.desk.on('unread', (count) => heard.push(count))
    page.say({ livedesk: 'event', name: 'unread', detail: 3 })
    off()
    page.say({ livedesk: 'event', name: 'unread', detail: 4 })
    expect(heard).toEqual([3])
  })

  test('who listens for "ready" late hears it at once', () => {
    const page = new Page()
    page.say({ livedesk: 'ready' })
    const heard = vi.fn()
    page.desk.on('ready', heard)
    expect(heard).toHaveBeenCalledOnce()
  })
})

describe('debug', () => {
  test('names the shop, and the page that is not on its list, when the frame never answers', async () => {
    vi.spyOn(console, 'table').mockImplementation(() => {})
    const page = new Page()
    const findings = await page.desk.debug()
    expect(findings.find((one) => one.check === 'policy')).toMatchObject({
      ok: false,
      say: expect.stringMatching(new RegExp(`shop s1\\b.*${location.origin}`)),
    })
  })

  test('names the page policy that forbids the frame', async () => {
    vi.spyOn(console, 'table').mockImplementation(() => {})
    const page = new Page()
    const violation = { blockedURI: `${DESK}/widget/frame`, effectiveDirective: 'frame-src' }
    document.dispatchEvent(Object.assign(new Event('securitypolicyviolation'), violation))
    const findings = await page.desk.debug()
    expect(findings.find((one) => one.check === 'policy')?.say).toContain('frame-src')
  })

  test('says that the tag names no shop, and adds what the frame found', async () => {
    vi.spyOn(console, 'table').mockImplementation(() => {})
    const page = new Page({ shop: '' })
    page.say({ livedesk: 'ready' })
    const asked = page.desk.debug()
    page.say({ livedesk: 'report', findings: [{ check: 'clock', ok: true, say: 'well' }] })
    expect(await asked).toMatchObject([{ check: 'shop', ok: false }, {}, {}, { check: 'clock', ok: true }])
  })
})

describe('a call over the stream', () => {
  const duck = (page: Page, volume: number, swap = false): void => page.say({ livedesk: 'duck', volume, swap })
  /** A stream in the page, or in `root` of it. */
  const stream = (root: Node = document.body): HTMLVideoElement => {
    const video = document.createElement('video')
    root.appendChild(video)
    onTestFinished(() => video.remove())
    return video
  }

  test('turns an attached video down and gives its sound back', () => {
    const page = new Page()
    const heard: unknown[] = []
    page.desk.on('duck', (detail) => heard.push(detail))
    const video = Object.assign(stream(), { volume: 0.8 })
    page.say({ livedesk: 'ready' })
    page.desk.attachPlayer(video)
    expect(page.said.at(-1)!.message).toEqual({ livedesk: 'player', sound: 'down', swaps: true })
    duck(page, 0.25)
    expect(video.volume).toBeCloseTo(0.2)
    duck(page, 0.5)
    expect(video.volume).toBeCloseTo(0.4)
    duck(page, 1)
    expect(video.volume).toBeCloseTo(0.8)
    expect(heard).toEqual([{ volume: 0.25 }, { volume: 0.5 }, { volume: 1 }])
  })

  test('silences it where no page may set a volume, and says so', () => {
    const page = new Page()
    const video = stream()
    Object.defineProperty(video, 'volume', { get: () => 1, set: () => {} })
    page.desk.attachPlayer(video)
    page.say({ livedesk: 'ready' })
    expect(page.said.map((one) => one.message)).toContainEqual({ livedesk: 'player', sound: 'off', swaps: true })
    duck(page, 0.25)
    expect(video.muted).toBe(true)
    duck(page, 1)
    expect(video.muted).toBe(false)
  })

  test('keeps a stream running that may not have its sound back without a tap, and says so', async () => {
    const page = new Page()
    const heard: unknown[] = []
    page.desk.on('duck', (detail) => heard.push(detail))
    const video = stream()
    let [paused, muted] = [false, false]
    Object.defineProperties(video, {
      volume: { get: () => 1, set: () => {} },
      paused: { get: () => paused },
      // As WebKit does outside of a tap.
      muted: { get: () => muted, set: (to: boolean) => void ((paused ||= muted && !to), (muted = to)) },
      play: { value: async () => void (paused = false) },
    })
    page.desk.attachPlayer(video)
    duck(page, 0.25)
    duck(page, 1)
    expect(paused).toBe(true)
    await vi.waitFor(() => expect(heard).toContainEqual({ volume: 0 }))
    expect([paused, muted]).toEqual([false, true])
  })

  test('starts no stream that the buyer had stopped', async () => {
    const page = new Page()
    const video = stream()
    const play = vi.fn(async () => {})
    Object.defineProperties(video, { volume: { get: () => 1, set: () => {} }, paused: { get: () => true }, play: { value: play } })
    page.desk.attachPlayer(video)
    duck(page, 0.25)
    duck(page, 1)
    await new Promise((resolve) => setTimeout(resolve))
    expect(play).not.toHaveBeenCalled()
    expect(video.muted).toBe(false)
  })

  /** Whatever point one looks at, this is what one sees. */
  const topmost = (element: Element, root: Node = document): void => {
    Object.defineProperty(root, 'elementFromPoint', { configurable: true, value: () => element })
  }

  test('leaves it where it was when a layer of the page keeps it below the call', () => {
    const page = new Page()
    const video = stream()
    video.style.cssText = 'width: 100%;'
    topmost(page.frame)
    page.say({ livedesk: 'ready' })
    page.desk.attachPlayer(video)
    duck(page, 0.25, true)
    expect(video.style.cssText).toBe('width: 100%;')
    expect(page.said.at(-1)!.message, 'the call leaves no room for it').toEqual({ livedesk: 'player', sound: 'down', swaps: false })
    const said = page.said.length
    duck(page, 0.25)
    expect(page.said, 'in this call not again').toHaveLength(said)
    duck(page, 1)
    expect(page.said.at(-1)!.message, 'what lay over it may be gone').toEqual({ livedesk: 'player', sound: 'down', swaps: true })
    topmost(video)
    duck(page, 0.25, true)
    expect(video.style.position).toBe('fixed')
  })

  test('changes places with a stream in a shadow root, and leaves one that is in no page alone', () => {
    const page = new Page()
    const host = document.createElement('live-player')
    document.body.append(host)
    onTestFinished(() => host.remove())
    const root = host.attachShadow({ mode: 'closed' })
    const video = stream(root)
    // The page itself sees the host alone.
    topmost(host)
    topmost(video, root)
    page.say({ livedesk: 'ready' })
    page.desk.attachPlayer(video)
    duck(page, 0.25, true)
    expect(video.style.position).toBe('fixed')
    duck(page, 1)
    video.remove()
    duck(page, 0.25, true)
    expect([video.volume, video.style.position]).toEqual([0.25, ''])
  })

  test('does with a player that comes in the middle what the one before was told', () => {
    const page = new Page()
    page.say({ livedesk: 'ready' })
    const [first, second] = [stream(), stream()]
    topmost(second)
    page.desk.attachPlayer(first)
    duck(page, 0.25, true)
    page.desk.attachPlayer(second)
    expect([first.volume, first.style.position]).toEqual([1, ''])
    expect([second.volume, second.style.position]).toEqual([0.25, 'fixed'])
    duck(page, 1)
    expect([second.volume, second.style.position]).toEqual([1, ''])
  })

  test('lays the stream anew where the page has another height, and not where it is too low', () => {
    const page = new Page()
    const own = { place: vi.fn() }
    page.desk.attachPlayer(own)
    const turned = (height: number): void => {
      vi.stubGlobal('innerHeight', height)
      window.dispatchEvent(new Event('resize'))
    }
    onTestFinished(() => void vi.unstubAllGlobals())
    turned(400)
    duck(page, 0.25, true)
    expect(own.place).not.toHaveBeenCalled()
    turned(800)
    expect(own.place.mock.calls.at(-1)).toMatchObject([{ left: 16, width: 116 }])
    turned(400)
    expect(own.place.mock.calls.at(-1)).toEqual([null])
  })

  test('goes on where the page attaches what is no player', () => {
    const wrong = vi.spyOn(console, 'error').mockImplementation(() => {})
    const page = new Page()
    page.desk.push(['attachPlayer', null])
    page.desk.push(['setLocale', 'en'])
    page.say({ livedesk: 'ready' })
    expect(wrong).toHaveBeenCalledTimes(1)
    expect(page.names()).toEqual(['welcome', 'locale'])
  })

  test('changes places with it and puts it back as it was, also when it is taken away', () => {
    const page = new Page()
    const video = stream()
    video.style.cssText = 'width: 100%;'
    topmost(video)
    const detach = page.desk.attachPlayer(video)
    duck(page, 0.25, true)
    expect(video.style).toMatchObject({ position: 'fixed', left: '16px', top: '104px', width: '116px' })
    duck(page, 0.25, false)
    expect(video.style.cssText).toBe('width: 100%;')
    duck(page, 0.25, true)
    detach()
    expect(video.style.cssText).toBe('width: 100%;')
  })

  test("asks the merchant's own player for what it can", () => {
    const page = new Page()
    const own = { setVolume: vi.fn(), place: vi.fn() }
    page.desk.attachPlayer(own)
    duck(page, 0.25, true)
    duck(page, 1)
    expect(own.setVolume.mock.calls).toEqual([[0.25], [1]])
    expect(own.place.mock.calls).toEqual([[{ left: 16, top: 104, width: 116, height: 206 }], [null]])
    page.say({ livedesk: 'ready' })
    page.desk.attachPlayer({})
    expect(page.said.at(-1)!.message).toEqual({ livedesk: 'player', sound: '', swaps: false })
  })

  test('is a tile that follows the finger and rests in a corner', () => {
    const page = new Page()
    page.say({ livedesk: 'size', size: 'tile', width: 0, height: 0 })
    expect(page.frame.style).toMatchObject({ left: '243px', top: '64px', borderRadius: '16px' })
    page.say({ livedesk: 'drag', x: -30, y: 20, done: false })
    expect(page.frame.style).toMatchObject({ left: '213px', top: '84px' })
    page.say({ livedesk: 'drag', x: -200, y: 600, done: true })
    expect(page.frame.style).toMatchObject({ left: '16px', top: '590px' })
    page.hear({ livedesk: 'drag', x: Infinity, y: 0, done: false })
    expect(page.frame.style.left).toBe('16px')
  })
})
