import type { BuyerSessionRequest } from '@livedesk/protocol'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CALM, dice, ToyClock, ToyDesk } from '../../protocol/typescript/test/toy.ts'
import { noBridge, type Bridge } from '../src/bridge.ts'
import { Desk } from '../src/desk.ts'
import type { FromFrame, ToFrame } from '../src/messages.ts'
import type { Start } from '../src/start.ts'
import { locale, setLocale } from '../src/words.ts'

/** A page around the frame that says what the test says, and remembers what it hears. */
class Around implements Bridge {
  readonly embedded = true
  readonly heard: FromFrame[] = []
  identity: string | null = null
  private listener: (message: ToFrame) => void = () => {}

  say(message: FromFrame): void {
    this.heard.push(message)
    if (message.livedesk === 'identity-wanted') this.tell({ livedesk: 'identity', token: this.identity })
  }
  hear(listener: (message: ToFrame) => void): void {
    this.listener = listener
  }
  tell(message: ToFrame): void {
    this.listener(message)
  }
  events(name: string): unknown[] {
    return this.heard.flatMap((one) => (one.livedesk === 'event' && one.name === name ? [one.detail] : []))
  }
  get size(): string | undefined {
    return this.heard.flatMap((one) => (one.livedesk === 'size' ? [one.size] : [])).pop()
  }
}

const FRAME: Start = {
  mode: 'frame',
  shop: 's1',
  parent: 'https://shop.example',
  place: {},
  identity: null,
  code: null,
  locale: null,
}

function world(options: { start?: Partial<Start>; storage?: Storage | null; bridge?: Bridge; seed?: number; toy?: ToyDesk; clock?: ToyClock } = {}) {
  const clock = options.clock ?? new ToyClock(dice(options.seed ?? 1))
  const toy = options.toy ?? new ToyDesk(clock)
  const around = new Around()
  const deleted: string[] = []
  const sessions: BuyerSessionRequest[] = []
  const refuse: { session: string | null } = { session: null }
  const fetch = async (path: string, init: RequestInit = {}): Promise<Response> => {
    if (path.endsWith('/widget')) {
      return Response.json({ shop_id: 's1', name: '云朵', locale: 'zh-CN', anonymous: true, origins: ['https://shop.example'] })
    }
    if (init.method === 'DELETE') {
      deleted.push(path)
      return Response.json({})
    }
    if (refuse.session) return Response.json({ error: { code: refuse.session, message: 'no', data: {} } }, { status: 401 })
    const asked = JSON.parse(String(init.body)) as BuyerSessionRequest
    sessions.push(asked)
    const { identity } = asked
    return Response.json({
      token: `token of ${identity ?? 'a visitor'}`,
      expires_at: clock.now() + 1_800_000,
      buyer_id: identity ?? 'visitor',
      verified: identity !== undefined,
      ...(identity === undefined ? { visitor: 'a secret of this browser' } : {}),
    })
  }
  const desk = new Desk({
    start: { ...FRAME, ...options.start },
    bridge: options.bridge ?? around,
    fetch,
    clock,
    storage: options.storage === undefined ? localStorage : options.storage,
    dial: toy.dial('/buyer'),
    origin: 'https://desk.example',
  })
  return { clock, toy, around, desk, deleted, sessions, refuse }
}

const WELCOME: ToFrame = { livedesk: 'welcome', locale: '', theme: 'light', phone: true, own: false, signed: false, inCall: false }

beforeEach(() => localStorage.clear())
afterEach(() => {
  vi.restoreAllMocks()
  return setLocale('zh-CN')
})

describe('in a merchant’s page', () => {
  test('no session begins before it is opened', async () => {
    const { desk, around, clock, toy } = world()
    await desk.begin()
    around.tell(WELCOME)
    await clock.pass(60_000)
    expect(around.size).toBe('pill')
    expect(desk.state.client).toBeNull()
    expect(toy.heard).toEqual([])
  })

  test('a signed-in buyer who was in a call is connected again, and no conversation is asked for', async () => {
    const { desk, around, clock, toy } = world({ storage: null })
    around.identity = 'signed for anna'
    await desk.begin()
    around.tell({ ...WELCOME, own: true, inCall: true })
    await clock.pass(2_000)
    expect(desk.state.client, 'a visitor would be somebody else').toBeNull()
    around.tell({ livedesk: 'signed', signed: true })
    await clock.pass(2_000)
    expect(desk.state.client?.link.status).toBe('online')
    expect(toy.heard.filter((one) => one.command === 'conversation.open')).toEqual([])
  })

  test('one tap opens the conversation at the place that the page names', async () => {
    const { desk, around, clock, toy } = world()
    await desk.begin()
    around.tell(WELCOME)
    await clock.pass(10)
    desk.enter()
    expect(around.size).toBe('sheet')
    expect(around.heard.at(-1)).toEqual({ livedesk: 'entered' })
    around.tell({ livedesk: 'open', place: { product: 'p1', liveSession: 'l1', positionMs: 65_000.4 } })
    await clock.pass(2_000)
    expect(toy.heard[0]).toMatchObject({
      command: 'conversation.open',
      payload: { product_id: 'p1', live_session_id: 'l1', position_ms: 65_000 },
    })
    expect(desk.state.log).toMatchObject({ id: 'c1', loaded: true })
  })

  test('a message written before anything answered is shown at once and stored', async () => {
    const { desk, around, clock, toy } = world()
    await desk.begin()
    around.tell({ livedesk: 'open', place: {} })
    desk.send('还没连上')
    await clock.pass(0)
    expect(desk.state.log?.outbox).toHaveLength(1)
    await clock.pass(3_000)
    expect(desk.state.log?.outbox).toEqual([])
    expect(toy.conversations.get('c1')!.entries.map((entry) => entry.kind)).toEqual(['card', 'text'])
  })

  test('opened again at the same place asks nothing, at another one it tells the desk', async () => {
    const { desk, around, clock, toy } = world()
    await desk.begin()
    const opens = (): number => toy.heard.filter((one) => one.command === 'conversation.open').length
    around.tell({ livedesk: 'open', place: { product: 'p1', positionMs: 1_000 } })
    await clock.pass(2_000)
    around.tell({ livedesk: 'close' })
    around.tell({ livedesk: 'open', place: { product: 'p1', positionMs: 9_000 } })
    await clock.pass(2_000)
    expect(opens()).toBe(1)
    around.tell({ livedesk: 'open', place: { product: 'p2', positionMs: 9_000 } })
    await clock.pass(2_000)
    expect(opens()).toBe(2)
  })

  test('put back to the pill it counts what is unread and tells the page; opened, it is read', async () => {
    const { desk, around, clock, toy } = world()
    await desk.begin()
    around.tell(WELCOME)
    around.tell({ livedesk: 'open', place: {} })
    desk.looks(true)
    await clock.pass(2_000)
    around.tell({ livedesk: 'close' })
    toy.agentSays('c1', 'one')
    toy.agentSays('c1', 'two')
    await clock.pass(2_000)
    expect(desk.state.unread).toBe(2)
    expect(around.events('unread')).toEqual([0, 2])
    expect(around.events('message')).toEqual([
      { kind: 'text', agent: null },
      { kind: 'text', agent: null },
    ])
    expect(toy.conversations.get('c1')!.marks.buyer_read).toBeLessThan(2)
    desk.open()
    await clock.pass(2_000)
    expect(around.events('unread')).toEqual([0, 2, 0])
    expect(toy.conversations.get('c1')!.marks.buyer_read).toBe(3)
  })

  test('scrolled up it reads nothing on the buyer’s behalf', async () => {
    const { desk, around, clock, toy } = world()
    await desk.begin()
    around.tell({ livedesk: 'open', place: {} })
    desk.looks(true)
    await clock.pass(2_000)
    desk.looks(false)
    toy.agentSays('c1', 'below')
    await clock.pass(2_000)
    expect(desk.state.unread).toBe(1)
    desk.looks(true)
    await clock.pass(2_000)
    expect(desk.state.unread).toBe(0)
  })

  test('under a call that has the whole page nothing is read on the buyer’s behalf', async () => {
    const { desk, around, clock, toy } = world()
    await desk.begin()
    around.tell({ livedesk: 'open', place: {} })
    desk.looks(true)
    await clock.pass(2_000)
    desk.show('full')
    toy.agentSays('c1', 'under the call')
    await clock.pass(2_000)
    expect(desk.state.unread).toBe(1)
    desk.show('sheet')
    await clock.pass(2_000)
    expect(desk.state.unread).toBe(0)
  })

  test('a page with an entry of its own sees no pill', async () => {
    const { desk, around, clock } = world()
    await desk.begin()
    around.tell({ ...WELCOME, own: true })
    await clock.pass(10)
    expect(around.size).toBeUndefined()
    around.tell({ livedesk: 'open', place: {} })
    desk.minimise()
    expect(around.size).toBe('hidden')
  })

  test('a conversation that is kept is followed from the start of the page, for its unread messages', async () => {
    const first = world()
    await first.desk.begin()
    first.around.tell({ livedesk: 'open', place: {} })
    await first.clock.pass(2_000)
    first.toy.agentSays('c1', 'while away')
    const { desk, around, clock, toy } = world({ toy: first.toy, clock: first.clock })
    await desk.begin()
    around.tell(WELCOME)
    await clock.pass(3_000)
    expect(desk.state.unread).toBe(1)
    expect(around.size).toBe('pill')
    expect(toy.heard.filter((one) => one.command === 'conversation.open')).toHaveLength(1)
  })

  test('an unknown product does not keep the buyer from a person, nor his words', async () => {
    const { desk, around, clock, toy } = world()
    toy.unknownProducts.add('gone')
    await desk.begin()
    around.tell({ livedesk: 'open', place: { product: 'gone' } })
    desk.send('这个还有吗')
    await clock.pass(5_000)
    expect(desk.state.placeUnknown).toBe(true)
    expect(desk.state.log).toMatchObject({ id: 'c1', outbox: [] })
    expect(toy.conversations.get('c1')!.entries.map((entry) => entry.kind)).toEqual(['card', 'text'])
  })

  test('where the browser refuses storage the page is told what would be lost', async () => {
    const { desk, around, clock, toy } = world({ storage: null })
    await desk.begin()
    around.tell({ livedesk: 'open', place: {} })
    await clock.pass(2_000)
    toy.reachable = false
    toy.cut()
    desk.send('会丢吗')
    await clock.pass(1_000)
    expect(desk.unsaved).toBe(1)
    expect(around.heard.filter((one) => one.livedesk === 'unsaved').at(-1)).toEqual({ livedesk: 'unsaved', lines: 1 })
    toy.reachable = true
    await clock.pass(60_000)
    expect(desk.unsaved).toBe(0)
    expect(around.heard.filter((one) => one.livedesk === 'unsaved').at(-1)).toEqual({ livedesk: 'unsaved', lines: 0 })
  })

  test('a language that the page wishes is spoken', async () => {
    const { desk, around } = world()
    await desk.begin()
    around.tell({ livedesk: 'locale', locale: 'en-US' })
    await vi.waitFor(() => expect(locale.value).toBe('en'))
  })
})

describe('who the buyer is', () => {
  test('a visitor who signs in keeps his unsent words', async () => {
    const { desk, around, clock, toy } = world()
    await desk.begin()
    around.tell({ livedesk: 'open', place: {} })
    await clock.pass(2_000)
    toy.weather = { ...CALM, sayRetry: 1 }
    desk.send('写在登录前')
    around.identity = 'anna'
    around.tell({ livedesk: 'signed', signed: true })
    await clock.pass(1_000)
    expect(Object.keys(localStorage).some((name) => name.startsWith('livedesk/s1/anna/line/'))).toBe(true)
    expect(Object.keys(localStorage).some((name) => name.startsWith('livedesk/s1/visitor/'))).toBe(false)
    toy.weather = { ...CALM }
    await clock.pass(60_000)
    expect(desk.state.log?.outbox).toEqual([])
  })

  test('another buyer sees nothing of the one before, and nothing of his is sent', async () => {
    const { desk, around, clock, toy } = world()
    around.identity = 'anna'
    await desk.begin()
    around.tell({ ...WELCOME, signed: true })
    around.tell({ livedesk: 'open', place: {} })
    await clock.pass(2_000)
    desk.draft.text = 'Annas Entwurf'
    toy.weather = { ...CALM, sayRetry: 1 }
    desk.send('Annas Geheimnis')
    await clock.pass(500)
    toy.weather = { ...CALM }
    toy.cut()
    around.identity = 'bert'
    around.tell({ livedesk: 'signed', signed: true })
    await clock.pass(60_000)
    expect(desk.state.log?.outbox).toEqual([])
    expect(desk.draft.text).toBe('')
    expect(JSON.stringify([...toy.conversations.values()].map((one) => one.entries))).not.toContain('Geheimnis')
    expect(Object.keys(localStorage).some((name) => name.startsWith('livedesk/s1/anna/line/'))).toBe(true)
  })

  test('a shop that serves no strangers says so, and goes on when the page knows the buyer', async () => {
    const { desk, around, clock, refuse } = world()
    refuse.session = 'anonymous_refused'
    await desk.begin()
    around.tell({ livedesk: 'open', place: {} })
    await clock.pass(2_000)
    expect(desk.state.client?.link).toMatchObject({ status: 'refused', refusal: { code: 'anonymous_refused' } })
    expect(around.events('identity-needed')).toEqual(['anonymous_refused'])
    refuse.session = null
    around.identity = 'anna'
    around.tell({ livedesk: 'signed', signed: true })
    await clock.pass(5_000)
    expect(desk.state.client?.link.status).toBe('online')
    expect(desk.state.log?.id).toBe('c1')
  })

  test('logging out leaves nothing on the device', async () => {
    const { desk, around, clock, toy, deleted } = world()
    await desk.begin()
    around.tell(WELCOME)
    around.tell({ livedesk: 'open', place: {} })
    await clock.pass(2_000)
    toy.agentSays('c1', 'unread')
    desk.draft.text = 'half a word'
    toy.reachable = false
    toy.cut()
    desk.send('unsent')
    await clock.pass(500)
    around.tell({ livedesk: 'logout' })
    await clock.pass(500)
    expect(localStorage.length).toBe(0)
    expect(deleted).toEqual(['/api/v1/buyer/session'])
    expect(desk.state).toMatchObject({ client: null, log: null, unread: 0, size: 'pill' })
    expect(desk.draft.text).toBe('')
    toy.reachable = true
    await clock.pass(60_000)
    expect(JSON.stringify([...toy.conversations.values()].map((one) => one.entries))).not.toContain('unsent')
  })
})

describe('a page of its own', () => {
  test('opens by itself at the place in its address', async () => {
    const { desk, clock, toy } = world({ start: { mode: 'page', parent: null, place: { order: 'o1' }, identity: 'anna' }, bridge: noBridge })
    await desk.begin()
    await clock.pass(2_000)
    expect(toy.heard[0]).toMatchObject({ payload: { order_id: 'o1' } })
    expect(desk.state).toMatchObject({ size: 'page', log: { id: 'c1' } })
    desk.minimise()
    expect(desk.state.size).toBe('page')
  })

  test.each([
    { languages: ['de', 'en-GB', 'zh'], wish: null, spoken: 'en' },
    { languages: ['zh-TW', 'en'], wish: null, spoken: 'zh-CN' },
    { languages: ['de'], wish: null, spoken: 'zh-CN' },
    { languages: ['en'], wish: 'zh', spoken: 'zh-CN' },
  ])('speaks $spoken to one who reads $languages and comes with ?locale=$wish', async ({ languages, wish, spoken }) => {
    vi.spyOn(navigator, 'languages', 'get').mockReturnValue(languages)
    const { desk } = world({ start: { mode: 'page', parent: null, locale: wish }, bridge: noBridge })
    await desk.begin()
    expect(locale.value).toBe(spoken)
  })

  test('the desk is told the reader’s language even while its words are on their way', async () => {
    const { desk, clock, sessions } = world({ start: { mode: 'page', parent: null, locale: 'en' }, bridge: noBridge })
    const begun = desk.begin()
    expect(locale.value).toBe('zh-CN')
    await clock.pass(2_000)
    await begun
    expect(sessions.map((one) => one.locale)).toEqual(['en'])
  })

  test('inside a merchant’s page the shop’s language counts', async () => {
    vi.spyOn(navigator, 'languages', 'get').mockReturnValue(['en'])
    const { desk } = world()
    await desk.begin()
    expect(locale.value).toBe('zh-CN')
  })

  test('without a shop it asks nobody', async () => {
    const { desk, clock, toy } = world({ start: { mode: 'page', shop: '', parent: null }, bridge: noBridge })
    await desk.begin()
    await clock.pass(2_000)
    expect(desk.state.shopRefusal?.code).toBe('not_found')
    expect(toy.heard).toEqual([])
  })

  test('a closed conversation can be continued, and the earlier one is the present one again', async () => {
    const { desk, clock, toy } = world({ start: { mode: 'page', parent: null }, bridge: noBridge })
    await desk.begin()
    await clock.pass(2_000)
    toy.close('c1')
    await clock.pass(1_000)
    expect(desk.state.log?.state).toBe('closed')
    void desk.reopen()
    await clock.pass(2_000)
    expect(desk.state.log).toMatchObject({ id: 'c1', state: 'open' })
    toy.close('c1')
    await clock.pass(1_000)
    desk.startAnew()
    await clock.pass(2_000)
    expect(desk.state.log).toMatchObject({ id: 'c2', state: 'open' })
  })

  test('a place in line that goes back is explained until the wait is over', async () => {
    const { desk, clock, toy } = world({ start: { mode: 'page', parent: null }, bridge: noBridge })
    await desk.begin()
    await clock.pass(2_000)
    const move = async (position: number | null): Promise<void> => {
      toy.say('queue.moved', { conversation_id: 'c1', position, waiting: 5 })
      await clock.pass(200)
    }
    await move(3)
    await move(2)
    expect(desk.state).toMatchObject({ movedBack: false, log: { position: 2 } })
    await move(4)
    expect(desk.state.movedBack).toBe(true)
    await move(null)
    expect(desk.state.movedBack).toBe(false)
  })
})
