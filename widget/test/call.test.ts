import { mount } from '@vue/test-utils'
import { Refusal, type BookingEntry, type Call, type ErrorCode, type LogSnapshot } from '@livedesk/protocol'
import { BOOK_AHEAD_MS, fieldTimes } from '@livedesk/protocol/call/booking.ts'
import { nextTick, shallowReactive } from 'vue'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { aCall, CallWorld, refuse, somebody } from '../../protocol/typescript/test/callWorld.ts'
import { BuyerCalls } from '../src/call/BuyerCalls.ts'
import CallRow from '../src/call/CallRow.vue'
import CallStage from '../src/call/CallStage.vue'
import { appOf, elsewhere, probe, type Abilities, type Surroundings } from '../src/call/probe.ts'
import { callWords, overWords } from '../src/call/words.ts'
import SheetHeader from '../src/components/SheetHeader.vue'
import type { Desk } from '../src/desk.ts'
import type { FromFrame } from '../src/messages.ts'
import { setLocale, words as sheetWords } from '../src/words.ts'

// The page of these tests plays nothing.
Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', { writable: true, value: null })
HTMLMediaElement.prototype.play = async () => {}

const words = callWords.value
const BROWSER: Surroundings = {
  secure: true,
  userAgent: 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/131.0.0.0 Mobile Safari/537.36',
  devices: true,
  peers: true,
  allowed: { camera: true, microphone: true },
}

describe('what can be done here', () => {
  test('a browser of today can both', () => {
    expect(probe(BROWSER)).toEqual({ video: true, voice: true, obstacle: null, app: null })
  })

  test('a page without https can neither, whatever else it has', () => {
    expect(probe({ ...BROWSER, secure: false })).toMatchObject({ video: false, voice: false, obstacle: 'insecure' })
  })

  test('a page that gives its frame no camera leaves the voice', () => {
    const allowed = { camera: false, microphone: true }
    expect(probe({ ...BROWSER, allowed })).toMatchObject({ video: false, voice: true, obstacle: 'policy' })
  })

  test('where the browser has no word for policies the person is asked', () => {
    expect(probe({ ...BROWSER, allowed: null })).toMatchObject({ video: true, voice: true, obstacle: null })
  })

  test('an app that keeps its camera from pages is told by its name, an old browser is not one', () => {
    const userAgent = 'Mozilla/5.0 (iPhone; CPU iPhone OS 14_2 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.40'
    expect(probe({ ...BROWSER, userAgent, devices: false })).toMatchObject({ obstacle: 'app', app: 'wechat' })
    expect(probe({ ...BROWSER, userAgent })).toMatchObject({ video: true, obstacle: null, app: 'wechat' })
    expect(probe({ ...BROWSER, peers: false })).toMatchObject({ obstacle: 'unsupported', app: null })
  })

  test.each([
    ['douyin', 'Mozilla/5.0 (Linux; Android 13) Chrome/118.0.0.0 Mobile aweme_290400 BytedanceWebview/d8a21c6'],
    ['kuaishou', 'Mozilla/5.0 (Linux; Android 12) Chrome/101.0 Mobile Safari/537.36 Kwai/12.1.20'],
    ['taobao', 'Mozilla/5.0 (iPhone; CPU iPhone OS 16_1 like Mac OS X) Mobile/20B82 AliApp(TB/10.20.10)'],
    ['alipay', 'Mozilla/5.0 (iPhone) Mobile/15E148 Ariver/1.1 AliApp(AP/10.5.66) AlipayClient/10.5.66'],
  ])('the browser inside %s is known by what it says of itself', (app, userAgent) => {
    expect(appOf(userAgent)).toBe(app)
  })
})

const answered = (more: Partial<Call> = {}): Call => aCall({ state: 'answered', revision: 2, ...more })
const connected = (more: Partial<Call> = {}): Call =>
  aCall({
    state: 'connected',
    revision: 5,
    participants: [somebody('buyer', { state: 'joined' }), somebody('agent', { state: 'joined', name: '木槿' })],
    ...more,
  })

/** A buyer with the conversation open, on a page that is or is not ours. */
function desk(size: Desk['state']['size'] = 'sheet', can: Partial<Abilities> = {}, refusedFor: ErrorCode | null = null, arrived = false) {
  let waits: number | null = null
  const world = new CallWorld()
  const said: FromFrame[] = []
  const lines: string[] = []
  const state = shallowReactive({
    size,
    phone: true,
    view: 'chat',
    log: { id: 'conversation', state: 'open', agentName: '木槿' },
    unread: 0,
    player: { sound: '', swaps: false },
  })
  const asked: unknown[] = []
  const booked: object[] = []
  const made = {
    state,
    client: {
      current: {} as unknown,
      request: async (command: string, payload: object) => {
        booked.push({ command, ...payload })
        return { now: 1_000, code: 'one-time', expires_at: 601_000, waits_until: waits }
      },
      newClientId: () => 'booking',
      insist: async (command: string, payload: object) => {
        booked.push({ command, ...payload })
        if (refusedFor) throw new Refusal(refusedFor, refusedFor)
        return { seq: 9, booking: payload }
      },
    },
    options: { bridge: { embedded: true, say: (one: FromFrame) => said.push(one) }, start: { shop: 'cloud' }, origin: 'https://desk.example' },
    show: (to: Desk['state']['size']) => (state.size = to),
    minimise: () => (state.size = calls.live ? 'tile' : 'pill'),
    send: (text: string) => lines.push(text),
    ask: (place: unknown) => asked.push(place),
  }
  const calls: BuyerCalls = new BuyerCalls(made as unknown as Desk, world.client, { ...probe(BROWSER), ...can }, arrived)
  onTestFinished(() => calls.stop())
  const stage = mount(CallStage, { props: { calls } })
  onTestFinished(() => stage.unmount())
  const ducks = (): unknown[] => said.filter((one) => one.livedesk === 'duck').map(({ livedesk: _, ...one }) => one)
  const states = (): unknown[] => said.flatMap((one) => (one.livedesk === 'event' && one.name === 'call' ? [one.detail] : []))
  const tap = async (text: string): Promise<void> => {
    const button = stage.findAll('button').find((one) => one.text().includes(text) || one.attributes('aria-label') === text)
    if (!button) throw new Error(`There is no "${text}" in: ${stage.text()}`)
    await button.trigger('click')
    await world.clock.pass(0)
    await nextTick()
  }
  const waitsUntil = (at: number): void => void (waits = at)
  return { waitsUntil, world, calls, stage, state, said, lines, asked, booked, made, ducks, states, tap }
}
type Page = ReturnType<typeof desk>

async function called(page: Page): Promise<void> {
  page.calls.begin()
  await nextTick()
  await page.tap(words.videoOnly)
  await page.tap(words.place)
}
async function inCall(page = desk()): Promise<Page> {
  await called(page)
  page.world.living = [answered()]
  page.world.tell('call.answered', answered())
  await page.world.clock.pass(1)
  page.world.living = [connected()]
  page.world.tell('call.joined', connected())
  await page.world.clock.pass(0)
  await nextTick()
  expect(page.calls.shown?.phase).toBe('connected')
  return page
}

describe('before a call', () => {
  test('one chooses between product and voice, and sees the rear camera before anything leaves the page', async () => {
    const page = desk()
    page.calls.begin()
    await nextTick()
    await page.tap(words.videoOnly)
    expect(page.world.tracks[1]!.constraints).toMatchObject({ facingMode: { ideal: 'environment' } })
    expect(page.stage.text()).toContain(words.preview)
    expect(page.world.commands('call.invite')).toEqual([])
    await page.tap(words.place)
    expect(page.world.commands('call.invite')).toMatchObject([{ conversation_id: 'conversation', media: 'video' }])
    expect(page.stage.text()).toContain(words.calling('木槿').slice(0, 4))
  })

  test('until it rings it says that it calls, calls once however often one taps, and going back ends it', async () => {
    const page = desk()
    let rings: () => void = () => {}
    page.world.answers['call.invite'] = () => new Promise((resolve) => (rings = () => resolve({ call: aCall() })))
    await called(page)
    const button = page.stage.find('.call-start .button.strong')
    expect([button.text(), button.attributes('aria-busy'), page.stage.find('.call-start [role=status]').text()]).toEqual([words.placing, 'true', words.placing])
    await button.trigger('click')
    expect(page.world.commands('call.invite')).toHaveLength(1)
    await page.tap(words.cancel)
    rings()
    await page.world.clock.pass(0)
    expect(page.world.commands('call.hang_up')).toEqual([{ call_id: 'call' }])
    expect([page.calls.live, page.calls.ui.before, page.calls.ui.busy]).toEqual([false, 'none', false])
    expect(page.world.tracks.map((track) => track.readyState)).toEqual(['ended', 'ended'])
  })

  test('where none is possible one books a time, and hears when that one will not do', async () => {
    const unable = { video: false, voice: false, obstacle: 'app', app: 'wechat' } as const
    const page = desk('sheet', unable)
    page.calls.begin()
    await nextTick()
    await page.stage.find('input[type=datetime-local]').setValue('2030-05-06T10:30')
    await page.stage.find('form').trigger('submit')
    await nextTick()
    const at = new Date('2030-05-06T10:30').getTime()
    expect(page.booked).toContainEqual({ command: 'call.book', conversation_id: 'conversation', client_id: 'booking', at, media: 'video' })
    expect(page.calls.ui.before).toBe('none')

    const refused = desk('sheet', unable, 'bad_request')
    refused.calls.begin()
    await nextTick()
    await refused.stage.find('form').trigger('submit')
    await nextTick()
    await nextTick()
    expect(refused.stage.text()).toContain(words.code.bad_request)
    expect(refused.calls.ui.before).toBe('obstacle')
  })

  test('what was booked stands in the conversation, with its day and time', () => {
    const at = new Date(2030, 4, 6, 10, 30).getTime()
    const said = (happened: BookingEntry['happened'], media: BookingEntry['media'] = 'video', replaced: BookingEntry['replaced'] = null): string => {
      const call = { kind: 'booking', seq: 1, happened, at, media, replaced } as BookingEntry
      return mount(CallRow, { props: { desk: {} as Desk, log: { id: 'c', entries: [call] } as unknown as LogSnapshot, call } }).text()
    }
    expect(said('booked')).toMatch(/已预约 .*6.*10:30 视频通话/)
    expect(said('booked', 'voice')).toMatch(/语音通话/)
    expect(said('booked')).not.toContain('原来')
    expect(said('booked', 'voice', { at: at - 3_600_000, media: 'video' })).toMatch(/10:30 语音通话，原来的 .*09:30 视频通话不再有效/)
    expect(said('cancelled')).toContain('已取消')
    expect(said('due')).toContain('时间到了')
  })

  test('the booking that stands is taken back where it is told, in a closed conversation too; no other one is', async () => {
    const page = desk()
    const entry = (seq: number, happened: BookingEntry['happened'], at: number): BookingEntry => ({ kind: 'booking', seq, happened, at, media: 'video' }) as BookingEntry
    const to_come = Date.now() + 3_600_000
    const row = (call: BookingEntry, ...after: BookingEntry[]) =>
      mount(CallRow, {
        props: { desk: { state: { call: { calls: page.calls } } } as unknown as Desk, log: { id: 'earlier', state: 'closed', entries: [call, ...after] } as unknown as LogSnapshot, call },
      })
    for (const past of [row(entry(1, 'booked', to_come), entry(2, 'booked', to_come + 1)), row(entry(1, 'booked', Date.now() - 1)), row(entry(1, 'cancelled', to_come))])
      expect(past.find('button').exists()).toBe(false)
    const standing = row(entry(1, 'booked', to_come))
    expect(standing.find('button').text()).toBe(words.unbook)
    await standing.find('button').trigger('click')
    expect(page.booked).toEqual([{ command: 'call.unbook', conversation_id: 'earlier', client_id: 'booking' }])

    const gone = desk('sheet', {}, 'not_found')
    await standing.setProps({ desk: { state: { call: { calls: gone.calls } } } as unknown as Desk })
    await standing.find('button').trigger('click')
    await vi.waitFor(() => expect(standing.find('[role=alert]').text()).toBe(words.unbookFailed.not_found))
  })

  test('a time is chosen between now and as far ahead as the desk books', () => {
    const now = new Date(2030, 4, 6, 10, 10).getTime()
    const { soonest, proposed, latest } = fieldTimes(now)
    expect([soonest, proposed]).toEqual(['2030-05-06T10:11', '2030-05-06T11:00'])
    expect(new Date(latest).getTime()).toBe(now + BOOK_AHEAD_MS - 60_000)
  })

  test('by voice alone no camera is opened', async () => {
    const page = desk()
    page.calls.begin()
    await nextTick()
    await page.tap(words.voiceOnly)
    expect(page.world.tracks.map((track) => track.kind)).toEqual(['audio'])
    expect(page.world.commands('call.invite')).toMatchObject([{ media: 'voice' }])
  })

  test('whoever goes back from the preview gives the camera back', async () => {
    const page = desk()
    page.calls.begin()
    await nextTick()
    await page.tap(words.videoOnly)
    await page.tap(words.cancel)
    expect(page.world.tracks.map((track) => track.readyState)).toEqual(['ended', 'ended'])
    expect(page.stage.text()).toBe('')
  })

  test('a camera that is refused says how to allow it, and asking for pictures is one tap', async () => {
    const page = desk()
    page.world.denies = 'NotAllowedError'
    page.calls.begin()
    await nextTick()
    await page.tap(words.videoOnly)
    expect(page.stage.find('[role=alert]').text()).toBe(words.fault.denied)
    await page.tap(words.askShots)
    expect(page.lines).toEqual([words.askShotsLine])
    expect(page.calls.ui.before).toBe('none')
  })

  test('when there is no room for a call it is said, and the agent can be asked to call back', async () => {
    const page = desk()
    page.world.answers['call.invite'] = refuse('busy')
    await called(page)
    expect(page.stage.text()).toContain(words.code.busy)
    expect(page.world.tracks.map((track) => track.readyState)).toEqual(['ended', 'ended'])
    await page.tap(words.callBack)
    expect(page.lines).toEqual([words.callBackLine])
  })

  const inWeChat = { video: false, voice: false, obstacle: 'app', app: 'wechat' } as const

  test('where an app has no camera it has a link as text, which nothing here can use up, and says how long it is good', async () => {
    const page = desk('sheet', inWeChat)
    page.calls.begin()
    await vi.waitFor(() => expect(page.stage.find('textarea').exists()).toBe(true))
    expect(page.stage.text()).toContain(words.obstacle.app(words.app.wechat))
    expect(page.stage.text()).toContain(words.linkHelp.browser(10))
    expect(page.stage.find('a').exists()).toBe(false)
    expect(page.stage.find('textarea').element.value).toBe('https://desk.example/c/cloud?code=one-time&call=')
    expect(page.booked, 'it rings only when the other browser is there').toEqual([{ command: 'call.link', conversation_id: 'conversation' }])
    page.world.tell('call.rang', aCall())
    await page.world.clock.pass(0)
    await nextTick()
    expect(page.calls.ui.before, 'it rings from there').toBe('none')
    page.world.tell('call.answered', answered())
    await page.world.clock.pass(10)
    expect(page.world.commands('call.join'), 'this page has no camera').toEqual([])
  })

  test('a link that has run out is not left there to be tried in vain', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const page = desk('sheet', inWeChat)
    page.calls.begin()
    await vi.advanceTimersByTimeAsync(599_999)
    expect(page.stage.find('textarea').exists()).toBe(true)
    await vi.advanceTimersByTimeAsync(1)
    expect(page.stage.find('textarea').exists()).toBe(false)
    expect(page.stage.find('[role=alert]').text()).toBe(words.code.code_used)
    await page.stage.find('.call-ways .strong').trigger('click')
    await vi.advanceTimersByTimeAsync(0)
    expect(page.stage.find('textarea').exists()).toBe(true)
  })

  test.each([
    ['as the browser does it', async () => {}, false, words.copied],
    ['as old browsers do it', () => Promise.reject(new Error('NotAllowedError')), true, words.copied],
    ['by hand, which is said', () => Promise.reject(new Error('NotAllowedError')), false, words.byHand],
  ])('a link is copied %s', async (_, writeText, execCommand, said) => {
    vi.stubGlobal('navigator', { ...navigator, clipboard: { writeText } })
    Object.assign(document, { execCommand: () => execCommand })
    onTestFinished(() => void vi.unstubAllGlobals())
    const page = desk('sheet', inWeChat)
    page.calls.begin()
    await vi.waitFor(() => expect(page.stage.find('textarea').exists()).toBe(true))
    await page.tap(words.copyLink)
    await vi.waitFor(() => expect(page.stage.text()).toContain(said))
    const field = page.stage.find('textarea').element
    if (said === words.byHand) expect([field.selectionStart, field.selectionEnd]).toEqual([0, field.value.length])
  })

  test('where the page around it takes the camera, our own page is one tap away', async () => {
    const page = desk('sheet', { video: false, voice: false, obstacle: 'policy' })
    page.calls.begin()
    await vi.waitFor(() => expect(page.stage.find('a').exists()).toBe(true))
    expect(page.stage.find('a').attributes()).toMatchObject({ href: 'https://desk.example/c/cloud?code=one-time&call=', target: '_blank', rel: 'noopener noreferrer' })
    expect(page.stage.text()).toContain(words.obstacle.policy)
  })

  test('where it takes the camera alone, the voice is here and the camera one page away', async () => {
    const page = desk('sheet', { video: false, voice: true, obstacle: 'policy' })
    page.calls.begin()
    await nextTick()
    expect(page.stage.text()).toContain(words.obstacle.policy)
    await page.tap(words.openIn.page)
    await nextTick()
    expect(page.stage.find('a').text()).toBe(words.openIn.page)
  })

  test.each([
    ['policy', null, false, true, null],
    ['policy', null, false, false, 'page'],
    ['insecure', null, false, false, 'page'],
    ['unsupported', null, false, false, null],
    ['app', 'wechat', false, true, 'browser'],
    [null, 'wechat', true, true, 'browser'],
    [null, 'wechat', false, true, null],
    [null, null, true, false, null],
  ] as const)('%s in %s, failed %s, on our own page %s: elsewhere is %s', (obstacle, app, failed, own, where) => {
    expect(elsewhere({ video: true, voice: true, obstacle, app }, failed, own, 'https://desk.example')).toBe(where)
  })

  test('a desk without https has no page that is better than an insecure one', () => {
    expect(elsewhere({ video: false, voice: false, obstacle: 'insecure', app: null }, false, false, 'http://desk.example')).toBe(null)
  })
})

describe('the page that a link led to', () => {
  test('begins with what one wants to show, and only once', async () => {
    const page = desk('page', {}, null, true)
    page.world.reconnected()
    await page.world.clock.pass(0)
    await nextTick()
    expect(page.calls.ui.before).toBe('choose')
    expect(page.calls.ui.answering).toBe(null)
    page.calls.leave()
    page.world.tell('call.rang', aCall({ invited_by: 'agent' }))
    await page.world.clock.pass(0)
    expect(page.calls.ui.before).toBe('none')
  })

  test('goes on with the call that waits for him there, and answers it no second time', async () => {
    const page = desk('page', {}, null, true)
    page.world.living = [answered({ invited_by: 'agent' })]
    page.world.reconnected()
    await page.world.clock.pass(0)
    await nextTick()
    expect(page.calls.ui).toMatchObject({ before: 'choose', answering: 'call' })
    await page.tap(words.videoOnly)
    await page.tap(words.connect)
    await page.world.clock.pass(1)
    expect(page.world.commands('call.join')).toHaveLength(1)
    expect(page.world.commands('call.answer')).toEqual([])
  })
})

test('in the browser that a link led to the preview comes before the call', async () => {
  const page = desk()
  page.world.living = [answered()]
  page.world.reconnected()
  await page.world.clock.pass(0)
  await nextTick()
  await page.tap(words.connect)
  expect(page.world.tracks).toEqual([])
  await page.tap(words.videoOnly)
  await page.tap(words.connect)
  await page.world.clock.pass(1)
  expect(page.world.commands('call.join')).toHaveLength(1)
  expect(page.world.commands('call.answer')).toEqual([])
})

describe('a call that rings', () => {
  test('comes as a tile where the conversation is shut, and asks for the camera only when it is taken', async () => {
    const page = desk('pill')
    page.world.tell('call.rang', aCall({ invited_by: 'agent', participants: [somebody('buyer'), somebody('agent', { name: '木槿' })] }))
    await nextTick()
    expect(page.state.size).toBe('tile')
    expect(page.stage.find('[role=alert]').text()).toBe(words.invitedVideo('木槿'))
    expect(page.world.tracks).toEqual([])
    await page.tap(words.answer)
    await nextTick()
    expect(page.state.size).toBe('sheet')
    expect(page.world.commands('call.answer'), 'the first tap answers: no ring runs out under the preview').toEqual([{ call_id: 'call' }])
    page.world.tell('call.answered', answered({ invited_by: 'agent' }))
    await page.tap(words.videoOnly)
    expect(page.stage.text()).toContain(words.preview)
    expect(page.world.commands('call.join'), 'and nothing goes out before he connects').toEqual([])
    await page.tap(words.connect)
    expect(page.world.commands('call.join')).toHaveLength(1)
    expect(page.world.commands('call.answer')).toHaveLength(1)
  })

  test('whoever goes back from the preview of an answered call can still connect or hang up', async () => {
    const page = desk()
    page.world.tell('call.rang', aCall({ invited_by: 'agent' }))
    await nextTick()
    await page.tap(words.answer)
    page.world.tell('call.answered', answered({ invited_by: 'agent' }))
    await page.tap(words.videoOnly)
    await page.tap(words.cancel)
    expect(page.world.tracks.map((track) => track.readyState)).toEqual(['ended', 'ended'])
    expect(page.stage.text()).toContain(words.answered)
    await page.tap(words.connect)
    expect(page.calls.ui.before).toBe('choose')
  })

  test('a preview that goes away because the call is over says why', async () => {
    const page = desk()
    page.world.tell('call.rang', aCall({ invited_by: 'agent' }))
    await nextTick()
    await page.tap(words.answer)
    page.world.tell('call.answered', answered({ invited_by: 'agent' }))
    await page.tap(words.videoOnly)
    page.world.tell('call.ended', answered({ invited_by: 'agent', revision: 3, state: 'ended', reason: 'not_connected', ended_by: 'system' }))
    await page.world.clock.pass(0)
    await nextTick()
    expect(page.calls.ui.before).toBe('none')
    expect(page.stage.find('[role=status]').text()).toBe('')
    expect(page.stage.find('.call-line').text()).toContain(words.ended.not_connected)
    expect(page.world.tracks.map((track) => track.readyState)).toEqual(['ended', 'ended'])
  })

  test('taken where there is no camera it waits in the other browser, and asking for pictures instead hangs up', async () => {
    const page = desk('sheet', { video: false, voice: false, obstacle: 'app', app: 'wechat' })
    page.waitsUntil(181_000)
    page.world.tell('call.rang', aCall({ invited_by: 'agent' }))
    await nextTick()
    await page.tap(words.answer)
    page.world.tell('call.answered', answered({ invited_by: 'agent' }))
    await page.world.clock.pass(0)
    await nextTick()
    expect(page.stage.text()).toContain(words.linkWaits(3))
    expect(page.stage.find('textarea').exists()).toBe(true)
    await page.tap(words.askShots)
    expect(page.lines).toEqual([words.askShotsLine])
    expect(page.world.commands('call.hang_up')).toEqual([{ call_id: 'call' }])
  })

  test('is declined with one tap and nothing was opened', async () => {
    const page = desk()
    page.world.tell('call.rang', aCall({ invited_by: 'agent' }))
    await nextTick()
    await page.tap(words.decline)
    expect(page.world.commands('call.decline')).toEqual([{ call_id: 'call' }])
    expect(page.world.tracks).toEqual([])
  })
})

describe('in a call', () => {
  test.each(['zh-CN', 'en'] as const)('no two buttons of the page share a name (%s)', async (language) => {
    onTestFinished(() => setLocale('zh-CN'))
    const page = desk()
    page.world.capabilities = { torch: true }
    await inCall(page)
    await setLocale(language)
    await nextTick()
    const header = mount(SheetHeader, { props: { desk: page.made as unknown as Desk } })
    const names = [page.stage, header].flatMap((part) => part.findAll('button').map((one) => one.attributes('aria-label') ?? one.text()))
    expect(names).toContain(callWords.value.more)
    expect(names).toContain(sheetWords.value.menu)
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
  })

  test('recording is a question beside it, which either answer ends', async () => {
    const page = await inCall()
    expect(page.stage.find('.call-consent').exists()).toBe(true)
    expect(page.stage.find('.call-controls').exists()).toBe(true)
    await page.tap(words.recordNo)
    expect(page.world.commands('call.consent')).toEqual([
      { call_id: 'call', granted: false, text_version: 'caller-2026-11', locale: 'zh-CN' },
    ])
  })

  test('a recording that a fault stopped is asked about no more, nor offered again', async () => {
    const page = await inCall()
    const more = () => page.stage.find(`.call-controls [aria-label="${words.more}"]`).exists()
    const now = connected({ revision: 6 })
    const participants = now.participants.map((one) => ({ ...one, consent: 'granted' as const }))
    page.world.tell('call.changed', { ...now, participants })
    await nextTick()
    expect(more()).toBe(true)
    page.world.tell('call.recording_changed', { ...now, participants, revision: 7, recording: { state: 'stopped', code: 'disk_full' } })
    await nextTick()
    expect(more(), 'it holds nothing else').toBe(false)
    page.world.tell('call.changed', { ...now, revision: 8, recording: { state: 'stopped', code: 'disk_full' } })
    await nextTick()
    expect(page.stage.find('.call-consent').exists()).toBe(false)
  })

  test('that it is recorded stays before the eyes, also as a tile, until the call is over', async () => {
    const page = await inCall()
    page.world.tell('call.recording_changed', connected({ revision: 6, recording: { state: 'on' } }))
    await nextTick()
    expect(page.stage.find('.call-chip.recording').text()).toBe(words.recording)
    page.made.minimise()
    await nextTick()
    expect(page.stage.find('.call-chip.recording').exists()).toBe(true)
    await page.calls.hangUp('call')
    await nextTick()
    expect(page.stage.find('.call-chip.recording').exists()).toBe(false)
  })

  test('whoever took his consent back reads that it has stopped; where another is waited for, that it pauses', async () => {
    const page = await inCall()
    const chips = () => page.stage.find('.call-chips').text()
    page.world.tell('call.recording_changed', connected({ revision: 6, recording: { state: 'paused', code: 'unasked' } }))
    await nextTick()
    expect(chips()).toContain(words.recordPaused)
    page.world.tell('call.recording_changed', connected({ revision: 7, recording: { state: 'paused', code: 'withdrawn' } }))
    await nextTick()
    expect(chips()).toContain(words.recordWithdrawn)
    expect(chips()).not.toContain(words.recordPaused)
  })

  test('the stream is turned down while it rings and talks, and given back at the end', async () => {
    const page = await inCall()
    page.calls.hangUp('call')
    await page.world.clock.pass(0)
    expect(page.ducks()).toEqual([
      { volume: 0.35, swap: false },
      { volume: 0.15, swap: false },
      { volume: 1, swap: false },
    ])
  })

  test('while pictures are taken the camera has the page: the call is a line with its end, and no stream lies on it', async () => {
    const page = await inCall()
    Object.assign(page.made.state, { size: 'full', player: { sound: 'down', swaps: true } })
    await nextTick()
    expect(page.ducks().at(-1)).toEqual({ volume: 0.15, swap: true })
    page.made.state.view = 'capture'
    await nextTick()
    expect(page.ducks().at(-1)).toEqual({ volume: 0.15, swap: false })
    expect(page.stage.find('.call.slim .picture').exists()).toBe(false)
    expect(page.stage.findAll('.call-controls button').map((button) => button.attributes('aria-label'))).toEqual([words.mute, words.hangUp])
  })

  test('over the whole page it tells how much was written meanwhile', async () => {
    const page = await inCall()
    const chat = (): string[] => page.stage.findAll('.call-controls button').map((button) => button.attributes('aria-label')!)
    Object.assign(page.made.state, { size: 'full' })
    await nextTick()
    expect(chat()).toContain(words.chat)
    page.made.state.unread = 2
    await nextTick()
    expect(chat()).toContain(words.chatUnread(2))
    expect(page.stage.find('.call-controls .badge').text()).toBe('2')
  })

  test('the page around hears each state once', async () => {
    const page = await inCall()
    expect(page.states()).toEqual([{ state: 'calling' }, { state: 'joining' }, { state: 'connecting' }, { state: 'connected' }])
  })

  test('as a tile it stays until it has said why it is over, then gives its place back', async () => {
    const page = await inCall()
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    page.made.minimise()
    page.world.tell('call.ended', connected({ revision: 6, state: 'ended', reason: 'media_lost', ended_by: 'system' }))
    await vi.advanceTimersByTimeAsync(5_999)
    expect(page.state.size).toBe('tile')
    expect(page.stage.find('.call.tile .call-line [role=status]').text()).toBe(words.ended.media_lost)
    await vi.advanceTimersByTimeAsync(1)
    expect(page.state.size).toBe('pill')
    expect(page.stage.find('.call').exists()).toBe(false)
  })

  test('a tile on which the buyer himself declined is gone at once', async () => {
    const page = desk('pill')
    page.world.tell('call.rang', aCall({ invited_by: 'agent' }))
    await nextTick()
    expect(page.state.size).toBe('tile')
    page.world.tell('call.ended', aCall({ invited_by: 'agent', revision: 2, state: 'ended', reason: 'declined', ended_by: 'buyer' }))
    await page.world.clock.pass(0)
    expect(page.state.size).toBe('pill')
  })

  test('marks lie on the picture that they were drawn on', async () => {
    const page = await inCall()
    const mark = { shape: 'circle', mark_id: 'm', of: 'buyer', frame_at: 0, centre: { x: 0.5, y: 0.5 }, rx: 0.1, ry: 0.1 }
    page.world.hear('call.marked', { call_id: 'call', entry: { seq: 1, participant_id: 'agent', at: 0, mark } })
    await nextTick()
    expect(page.stage.findAll('.marks ellipse')).toHaveLength(2)
    expect(page.stage.text()).toContain(words.marked('木槿'))
    page.world.hear('call.marked', { call_id: 'call', entry: { seq: 2, participant_id: 'agent', at: 0, mark: { shape: 'clear', mark_id: 'n', of: 'buyer', frame_at: 0 } } })
    await nextTick()
    expect(page.stage.find('.marks').exists()).toBe(false)
  })

  const turned = async ({ stage }: Page, width: number, height: number): Promise<void> => {
    const video = stage.find('.picture video')
    Object.defineProperties(video.element, { videoWidth: { value: width, configurable: true }, videoHeight: { value: height, configurable: true } })
    await video.trigger('resize')
  }

  describe('what is drawn opens the call', () => {
    let seq = 0
    const draws = async ({ world }: Page): Promise<void> => {
      const mark = { shape: 'arrow', mark_id: `m${++seq}`, of: 'buyer', frame_at: 0, start: { x: 0.1, y: 0.1 }, end: { x: 0.5, y: 0.5 } }
      world.hear('call.marked', { call_id: 'call', entry: { seq: ++world.marks, participant_id: 'agent', at: 0, mark } })
      await world.clock.pass(0)
      await nextTick()
    }
    const upright = async (): Promise<Page> => {
      const page = await inCall()
      await turned(page, 720, 1280)
      return page
    }
    const shrinks = async (page: Page): Promise<void> => {
      page.made.show('sheet')
      await nextTick()
    }

    test.each(['sheet', 'tile'] as const)('on a phone from the %s, once, and not again when the buyer made it smaller', async (size) => {
      const page = await upright()
      page.made.show(size)
      await draws(page)
      expect(page.state.size).toBe('full')
      await shrinks(page)
      await draws(page)
      expect(page.state.size).toBe('sheet')
    })

    test('not from the sheet where a wide picture would be no larger', async () => {
      const page = await inCall()
      await turned(page, 1280, 720)
      await draws(page)
      expect(page.state.size).toBe('sheet')
      page.made.minimise()
      await draws(page)
      expect(page.state.size).toBe('full')
    })

    test('not when he had made it smaller before, nor on another page that goes on with it', async () => {
      const page = await upright()
      page.made.show('full')
      await nextTick()
      await shrinks(page)
      await draws(page)
      expect(page.state.size).toBe('sheet')

      const other = desk()
      other.world.living = [connected()]
      other.world.reconnected()
      await other.world.clock.pass(0)
      await nextTick()
      await other.tap(words.resume)
      await other.world.clock.pass(1)
      await turned(other, 720, 1280)
      await draws(other)
      expect([other.calls.shown?.phase, other.state.size]).toEqual(['connected', 'sheet'])
    })

    test('not while he takes pictures or writes, but when he has finished and more is drawn', async () => {
      const page = await upright()
      Object.assign(page.state, { view: 'capture', size: 'full' })
      await draws(page)
      Object.assign(page.state, { view: 'chat', size: 'sheet' })
      await nextTick()
      const input = document.body.appendChild(document.createElement('textarea'))
      onTestFinished(() => input.remove())
      input.focus()
      await draws(page)
      input.blur()
      await page.world.clock.pass(1_000)
      expect(page.state.size).toBe('sheet')
      await draws(page)
      expect(page.state.size).toBe('full')
    })

    test('on a desktop the panel beside the stream is large enough, the tile is not', async () => {
      const page = await upright()
      page.state.phone = false
      await draws(page)
      expect(page.state.size).toBe('sheet')
      page.made.minimise()
      await draws(page)
      expect(page.state.size).toBe('sheet')
    })
  })

  test('beside an upright picture stands what is said of it, over a wide one the stream, where the page has one', async () => {
    const page = await inCall()
    const classes = async (width: number, height: number, size: Desk['state']['size'], swaps = true): Promise<string[]> => {
      page.state.player = { sound: 'down', swaps }
      page.made.show(size)
      await turned(page, width, height)
      await nextTick()
      return page.stage.find('.call').classes().filter((one) => one === 'aside' || one === 'below')
    }
    expect(await classes(720, 1280, 'sheet')).toEqual(['aside'])
    expect(await classes(720, 1280, 'full')).toEqual([])
    expect(await classes(1280, 720, 'sheet')).toEqual([])
    expect(await classes(1280, 720, 'full')).toEqual(['below'])
    expect(await classes(1280, 720, 'full', false)).toEqual([])
  })

  test('whoever else comes is named at once and as long as he is there, also beside the tile, and that he goes is said', async () => {
    const page = await inCall()
    const [buyer, agent] = connected().participants
    const spoken = (): string => page.stage.findAll('[role=status]').map((one) => one.text()).join('|')
    const named = (): string => page.stage.find('.call-chip.people').text()
    expect(named()).toContain('木槿')
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const guest = somebody('guest', { name: '仓库老李', state: 'joined' })
    page.world.tell('call.joined', connected({ revision: 6, participants: [buyer!, agent!, guest] }), { participant_id: 'guest' })
    await nextTick()
    expect(spoken()).toContain('仓库老李（来宾）加入了通话')
    expect(page.stage.find('.call-chip.moved').text()).toBe('仓库老李（来宾）加入了通话')
    await vi.advanceTimersByTimeAsync(6_000)
    expect(page.stage.find('.call-chip.moved').exists()).toBe(false)
    expect(named()).toContain('木槿、仓库老李（来宾）')

    const boss = somebody('supervisor', { name: '陈主任', mode: 'barge', state: 'joined' })
    page.made.minimise()
    page.world.tell('call.changed', connected({ revision: 7, participants: [buyer!, agent!, guest, boss] }), { participant_id: 'supervisor' })
    await nextTick()
    expect(spoken()).toContain('陈主任（主管）加入了通话')
    await vi.advanceTimersByTimeAsync(6_000)
    expect(named(), 'the small tile has room for the names alone').toContain('陈主任、仓库老李')

    page.world.tell('call.left', connected({ revision: 8, participants: [buyer!, agent!, { ...guest, state: 'left' }] }))
    await nextTick()
    expect(spoken()).toContain('仓库老李（来宾）离开了通话 · 陈主任（主管）不再和您通话')
    await vi.advanceTimersByTimeAsync(6_000)
    expect(page.stage.find('.call-chip.people').exists(), 'the tile names those whom one does not expect').toBe(false)
  })

  test('the next agent is told by name, the one who was lost and the first one are where the call stands', async () => {
    const page = desk()
    const moved = (): boolean => page.stage.find('.call-chip.moved').exists()
    await inCall(page)
    expect(moved()).toBe(false)
    const [buyer, agent] = connected().participants
    const lost = { ...agent!, state: 'left' as const }
    const stood = { connected_at: 1_700_000_009_000 }
    page.world.tell('call.left', connected({ ...stood, revision: 6, state: 'waiting', participants: [buyer!, lost] }))
    await nextTick()
    expect([moved(), page.stage.text().includes(words.waiting)]).toEqual([false, true])
    const next = somebody('agent', { participant_id: 'next', name: '小林', state: 'joined' })
    page.world.tell('call.joined', connected({ ...stood, revision: 7, participants: [buyer!, lost, next] }))
    await nextTick()
    expect(page.stage.find('.call-chip.moved').text()).toBe('小林加入了通话')
  })

  test('a page that is not in it says of nobody that he came', async () => {
    const page = desk()
    page.world.tell('call.changed', connected({ revision: 5 }))
    await nextTick()
    expect(page.stage.text()).toContain(words.away)
    const [buyer, agent] = connected().participants
    const guest = somebody('guest', { name: '仓库老李', state: 'joined' })
    page.world.tell('call.joined', connected({ revision: 6, participants: [buyer!, agent!, guest] }), { participant_id: 'guest' })
    await nextTick()
    expect(page.stage.text()).not.toContain('加入了通话')
  })

  test('what a guest shows is the small picture, his screen the large one, and a tap changes that', async () => {
    const page = await inCall()
    const [buyer, agent] = connected().participants
    const guest = somebody('guest', { name: '仓库老李', state: 'joined', camera: true })
    const tracks = [
      { mid: '1', kind: 'video', participant_id: 'agent' },
      { mid: '3', kind: 'video', participant_id: 'guest' },
    ]
    const leg_id = page.calls.client.view.active!.part.legId
    page.world.hear('call.routed', { call_id: 'call', leg_id, tracks })
    const shown = async (revision: number, ...others: object[]): Promise<string[]> => {
      page.world.tell('call.changed', connected({ revision, participants: [buyer!, ...(others as (typeof guest)[])] }))
      await nextTick()
      return page.stage.findAll('.picture').map((one) => one.attributes('aria-label')!)
    }
    expect(await shown(6, agent!, guest)).toEqual([words.mine, words.theirs('仓库老李')])
    expect(page.stage.find('.call-small').text()).toBe('仓库老李')
    expect(await shown(7, { ...agent!, camera: true }, guest)).toEqual([words.mine, words.theirs('木槿'), words.theirs('仓库老李')])
    expect(await shown(8, { ...agent!, camera: true }, { ...guest, screen: true })).toEqual([
      words.theirs('仓库老李'),
      words.mine,
      words.theirs('木槿'),
    ])
    await page.tap(words.enlarge(words.mine))
    expect(page.stage.find('.picture').attributes('aria-label')).toBe(words.mine)
    expect(await shown(9, agent!, { ...guest, camera: false }), 'who shows nothing takes no room').toEqual([words.mine])
  })

  test('the held picture is the frame that the agent sent, also after a reload, until it is let go', async () => {
    const page = await inCall()
    const entry = (seq: number, more: object) => ({ seq, participant_id: 'agent', at: 0, mark: { mark_id: `m${seq}`, of: 'buyer', frame_at: 0, ...more } })
    const told = { marks: [entry(1, { shape: 'freeze', picture: '/9j/0' }), entry(2, { shape: 'freeze', picture: '/9j/1' })], more: false }
    page.world.answers['call.sync'] = ({ after_seq }: { after_seq: number }) => (after_seq === 0 ? told : { marks: [], more: false })
    page.world.reconnected()
    await page.world.clock.pass(0)
    const images = () => page.stage.findAll('.picture img').map((one) => one.attributes('src'))
    expect(images()).toEqual(['data:image/jpeg;base64,/9j/1'])
    expect(page.stage.text()).toContain(words.held)
    page.world.hear('call.marked', { call_id: 'call', entry: entry(3, { shape: 'unfreeze' }) })
    await nextTick()
    expect(images()).toEqual([])
  })

  test('a still that the agent asks for is taken with the camera that is on, and with none left to the list', async () => {
    const page = await inCall()
    const sent: unknown[] = []
    const photographed: unknown[] = []
    class Captures {
      constructor(readonly track: unknown) {}
      async takePhoto(): Promise<Blob> {
        photographed.push(this.track)
        return new Blob(['a photo'], { type: 'image/jpeg' })
      }
    }
    vi.stubGlobal('ImageCapture', Captures)
    onTestFinished(() => void vi.unstubAllGlobals())
    const capture = { send: async (_: unknown, spot: unknown, { type }: File) => sent.push(spot, type) }
    Object.assign(page.made, { loadCapture: async () => Object.assign(page.state, { capture }) })
    page.world.hear('call.still_asked', { call_id: 'call', list_seq: 4, participant_id: 'buyer' })
    await vi.waitFor(() => expect(sent).toEqual([{ conversation: 'conversation', list: 4, shot: 0 }, 'image/jpeg']))
    expect(photographed).toEqual([page.world.tracks[1]])
    await nextTick()
    expect(page.stage.text()).toContain(words.done.still)
    await page.tap(words.cameraOff)
    page.world.hear('call.still_asked', { call_id: 'call', list_seq: 5, participant_id: 'buyer' })
    await page.world.clock.pass(10)
    expect(photographed).toHaveLength(1)
  })

  test('light and zoom that the agent sets are said in words, and the buyer has the last word', async () => {
    const page = desk()
    page.world.capabilities = { torch: true, zoom: { min: 1, max: 4, step: 0.5 } }
    await inCall(page)
    const asked = async (wish: object) => {
      page.world.hear('call.adjust_asked', { call_id: 'call', participant_id: 'buyer', ...wish })
      await page.world.clock.pass(0)
      await nextTick()
    }
    await asked({ torch: true })
    expect(page.stage.find('.call-chip.done').text()).toBe(words.done.torch_on)
    expect(page.stage.find('.call-chip.done').attributes('role')).toBe('status')
    await asked({ zoom: 2 })
    expect(page.stage.find('.call-chip.done').text()).toBe(words.done.zoomed_in)
    await page.tap(words.more)
    await page.tap(words.torchOff)
    expect(page.world.tracks[1]!.applied).toEqual([{ advanced: [{ torch: true }] }, { advanced: [{ zoom: 2 }] }, { advanced: [{ torch: false }] }])
    expect(page.world.commands('call.set').at(-1)).toMatchObject({ controls: { torch: false } })
    expect(page.stage.text()).toContain(words.torchOn)
  })

  test('a network that carries no picture leaves the sound, says so, and offers pictures instead', async () => {
    const page = await inCall()
    const pair = { type: 'candidate-pair', nominated: true, state: 'succeeded', bytesReceived: 0 }
    const lossy = { type: 'remote-inbound-rtp', fractionLost: 0.3 }
    page.world.peer.getStats = async () => new Map<string, object>([['pair', { ...pair, bytesReceived: (pair.bytesReceived += 100) }], ['out', lossy]])
    const steps: unknown[] = []
    for (let second = 0; second < 14; second++) {
      await page.world.clock.pass(1_000)
      const { step } = page.calls.ui.view.active!
      if (steps[steps.length - 1] !== step) steps.push(step)
    }
    expect(steps).toEqual(['full', 'low_resolution', 'low_rate', 'stills', 'audio_only'])
    expect(page.world.peer.parameters.encodings).toMatchObject([{ active: false }])
    await nextTick()
    expect(page.stage.text()).toContain(words.tooWeak)
    await page.tap(words.askShots)
    expect(page.lines).toEqual([words.askShotsLine])
    expect(page.calls.shown?.phase).toBe('connected')
  })

  test('a lost network is said in words on either side', async () => {
    const page = await inCall()
    page.world.tell('call.reconnecting', connected({ revision: 6, participants: [somebody('buyer', { state: 'joined' }), somebody('agent', { state: 'reconnecting', name: '木槿' })] }), { participant_id: 'agent', code: 'leg_lost' })
    await nextTick()
    expect(page.stage.text()).toContain(words.interrupted('木槿'))
    page.world.path = null
    page.world.peer.become('failed')
    await nextTick()
    expect(page.stage.text()).toContain(words.reconnecting)
  })

  test('another page that was in it takes it with one tap, with the camera that was on', async () => {
    const page = desk('pill')
    page.made.client.current = null
    page.world.living = [connected()]
    page.world.reconnected()
    await page.world.clock.pass(0)
    await nextTick()
    expect(page.state.size).toBe('tile')
    expect(page.asked).toEqual([{}])
    await page.tap(words.resume)
    await page.world.clock.pass(1)
    expect(page.world.commands('call.join')).toMatchObject([{ call_id: 'call', move: true }])
    expect(page.world.tracks.map((track) => track.kind)).toEqual(['audio', 'video'])
  })
})

test('why a call is over is said from the buyer’s side', () => {
  expect(overWords('declined', 'agent', 'buyer')).toBe('您拒绝了通话')
  expect(overWords('declined', 'agent', null)).toBe('您拒绝了通话')
  expect(overWords('declined', 'buyer', 'agent')).toBe(words.ended.declined)
  expect(overWords('no_answer', 'agent', 'system')).toBe(words.ended.missed)
  expect(overWords('cancelled', 'buyer', null)).toBe(words.ended.cancelledMine)
  expect(overWords('cancelled', 'agent', 'agent')).toBe(words.ended.cancelled)
  expect(overWords(null, 'agent', null)).toBe(words.ended.other)
})
