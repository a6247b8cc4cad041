import { Refusal } from '@livedesk/protocol'
import type { Participant } from '@livedesk/protocol'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { nextTick } from 'vue'
import { aCall, participant, ringing } from './standin/calls.ts'
import { button, find, key, mountOn, row, says, seen, unmountAll } from './standin/mounted.ts'
import { busy } from './standin/scenes.ts'
import type { StandIn } from './standin/StandIn.ts'

let desk: StandIn

beforeEach(() => {
  sessionStorage.clear()
  desk = busy()
})
afterEach(() => {
  unmountAll()
  vi.restoreAllMocks()
})

const asked = (name: string) => desk.asked.filter((one) => one.name === name).map((one) => one.request as Record<string, unknown>)
const there = (selector: string) => document.querySelector(selector) !== null
const rings = () => desk.calling.tell('call.rang', ringing(), 'agent-1')

async function opened(): Promise<void> {
  await mountOn(desk)
  await seen(() => row('c-wang') !== null && asked('call.load').length > 0)
}

/** The buyer calls, the agent answers from the keyboard; media are there. */
async function inCall(): Promise<void> {
  await opened()
  rings()
  await seen(() => there('.ring-card'))
  key(document.body, { code: 'KeyA', key: 'A', ctrlKey: true, shiftKey: true })
  await seen(() => there('.call-place .call') && desk.calling.calls.get('call-1')?.state === 'connected')
  await seen(() => there('.call-place [role="radiogroup"]'))
}

/** This page draws nothing: a picture gets its size from here. */
function pictured(): void {
  const video = find<HTMLVideoElement>('.picture video')
  const size = (of: HTMLElement, given: Record<string, number>) => {
    for (const [name, value] of Object.entries(given)) Object.defineProperty(of, name, { configurable: true, value })
  }
  size(find('.picture'), { clientWidth: 720, clientHeight: 1280 })
  size(video, { videoWidth: 720, videoHeight: 1280 })
  video.dispatchEvent(new Event('loadedmetadata'))
}

describe('a call from the buyer', () => {
  it('rings over the list, is answered by the keyboard, and stands beside its chat; only the microphone is opened', async () => {
    await inCall()
    expect(says('视频通话')).toBe(true)
    expect(row('c-wang').getAttribute('aria-current')).toBe('true')
    expect(there('[data-composer]')).toBe(true)
    expect(desk.browser.asked).toHaveLength(1)
    expect(desk.browser.asked[0]?.video ?? false).toBe(false)
    expect(find('.round[aria-label="打开摄像头"]')).toBeTruthy()
  })

  it('that is over before the browser has given the microphone leaves none open', async () => {
    const stopped = vi.fn()
    let give: (stream: MediaStream) => void = () => {}
    const track = { id: 'a', kind: 'audio', readyState: 'live', enabled: true, stop: stopped, getSettings: () => ({}), getCapabilities: () => ({}) }
    desk.browser.devices!.getUserMedia = () => new Promise((resolve) => (give = resolve))
    desk.calling.handlers['call.answer'] = () => {
      throw new Refusal('call_ended', 'over')
    }
    await opened()
    rings()
    await seen(() => there('.ring-card'))
    key(document.body, { code: 'KeyA', key: 'A', ctrlKey: true, shiftKey: true })
    expect(stopped).not.toHaveBeenCalled()
    give({ getTracks: () => [track], getAudioTracks: () => [track], getVideoTracks: () => [] } as unknown as MediaStream)
    await seen(() => stopped.mock.calls.length > 0)
  })

  it('says at once where there is no microphone that one is not heard', async () => {
    desk.browser.devices!.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))
    await inCall()
    expect(find('.unheard').textContent).toContain('对方听不到你')
  })

  it('that another page of his has lost is told so, opens no device and asks nothing before he is back in it', async () => {
    const others = [participant('buyer', { state: 'joined' }), participant('agent', { state: 'reconnecting', reconnect_until: Date.now() + 25_000 })]
    desk.calling.tell('call.changed', aCall({ state: 'connected', participants: others }))
    await opened()
    row('c-wang').click()
    await seen(() => says('你的另一个页面断开了，通话为你保留'))
    expect(there('.controls .round')).toBe(false)
    expect(says('同意录制')).toBe(false)
    expect(button('重新连接')).toBeTruthy()
  })

  it('that another page of his is in stands here, too, and is moved by one press', async () => {
    const others = [participant('buyer', { state: 'joined' }), participant('agent', { state: 'joined' })]
    desk.calling.tell('call.changed', aCall({ state: 'connected', participants: others }))
    await opened()
    row('c-wang').click()
    await seen(() => says('通话正在你的另一个页面或设备上进行'))
    expect(desk.browser.asked, 'it opens nothing by itself').toEqual([])
    expect(asked('call.join')).toEqual([])
    button('移到这里').click()
    await seen(() => asked('call.join').length === 1)
    expect(asked('call.join')[0]).toMatchObject({ call_id: 'call-1', move: true })
  })

  it('beside the log, which it makes narrower, leaves the newest line in sight, as a line that grows does', async () => {
    const watched = new Map<Element, () => void>()
    vi.stubGlobal('ResizeObserver', class {
      constructor(private readonly sized: () => void) {}
      observe(element: Element) { watched.set(element, () => this.sized()) }
      unobserve(element: Element) { watched.delete(element) }
      disconnect() {}
    })
    onTestFinished(() => void vi.unstubAllGlobals())
    await inCall()
    const log = find('[role="log"]')
    Object.defineProperty(log, 'scrollHeight', { configurable: true, value: 1_200 })
    watched.get(log)!()
    expect(log.scrollTop).toBe(1_200)
    Object.defineProperty(log, 'scrollHeight', { configurable: true, value: 1_400 })
    watched.get(log.firstElementChild!)!()
    expect(log.scrollTop).toBe(1_400)
  })

  it('can be declined; the conversation stays', async () => {
    await opened()
    rings()
    await seen(() => there('.ring-card'))
    expect(find('.ring-card').textContent).toContain('王小雨 请求视频通话')
    button('暂不接').click()
    await seen(() => !there('.ring-card'))
    expect(asked('call.decline')).toEqual([{ call_id: 'call-1' }])
    expect(there('.call')).toBe(false)
  })

  it('becomes a tile with sound and the end while another chat is answered, where nothing can be drawn', async () => {
    await inCall()
    pictured()
    await seen(() => there('.layer[role="application"]'))
    row('c-li').click()
    await seen(() => there('.call.tile'))
    expect(there('.call.tile [role="radiogroup"]')).toBe(false)
    expect(there('.layer[role="application"]')).toBe(false)
    find('[aria-label="回到通话"]').click()
    await seen(() => there('.call-place .call'))
    find('.end').click()
    await seen(() => says('通话已结束'))
    button('收起').click()
    await seen(() => !there('.call'))
  })
})

describe('a call to the buyer', () => {
  it('is asked for from the head of the chat, rings there, and can be cancelled', async () => {
    await opened()
    row('c-wang').click()
    await seen(() => there('[aria-label="邀请 王小雨 语音通话"]'))
    find('[aria-label="邀请 王小雨 语音通话"]').click()
    await seen(() => says('正在呼叫 王小雨'))
    expect(asked('call.invite')[0]).toMatchObject({ conversation_id: 'c-wang', media: 'voice', fence: 3 })
    expect(there('[aria-label="邀请 王小雨 语音通话"]')).toBe(false)
    button('取消呼叫').click()
    await seen(() => says('通话已结束'))
    expect(asked('call.hang_up')).toEqual([{ call_id: 'call-out' }])
  })

  it('is not offered where the server carries none, and the chat knows nothing of it', async () => {
    desk.calling.carried = false
    await opened()
    row('c-wang').click()
    await seen(() => there('[role="log"][aria-busy="false"]'))
    expect(there('[aria-label="邀请 王小雨 视频通话"]')).toBe(false)
  })
})

describe('in a call', () => {
  it('recording is asked apart, shown constantly, and can be taken back', async () => {
    await inCall()
    await seen(() => says('要录制这次通话吗？'))
    button('同意录制').click()
    await seen(() => says('等王小雨同意录制'))
    expect(find('.recording').textContent, 'nothing runs that could be stopped').toContain('改为不同意录制')
    desk.calling.change('call-1', 'buyer', { consent: 'granted' })
    desk.calling.tell('call.recording_changed', { ...desk.calling.get('call-1'), recording: { state: 'on', code: null } })
    await seen(() => find('.recording.on').textContent?.includes('正在录制') === true)
    button('停止录制').click()
    await seen(() => asked('call.consent').length === 2)
    expect(asked('call.consent').map((one) => one['granted'])).toEqual([true, false])
  })

  it('microphone and speaker are those that were chosen; one that is not to be had leaves the one before', async () => {
    const device = (kind: string, deviceId: string) => ({ kind, deviceId, label: deviceId }) as MediaDeviceInfo
    desk.browser.there.push(device('audioinput', 'headset'), device('audioinput', 'gone'), device('audiooutput', 'ear'))
    const heard: string[] = []
    Object.assign(HTMLMediaElement.prototype, { setSinkId: async (id: string) => void heard.push(id) })
    await inCall()
    find('[aria-label="麦克风与扬声器"]').click()
    await seen(() => there('.devices select'))
    const choose = (place: number, id: string) => {
      const select = document.querySelectorAll<HTMLSelectElement>('.devices select')[place]!
      select.value = id
      select.dispatchEvent(new Event('change'))
    }
    choose(0, 'headset')
    await seen(() => desk.browser.asked.length === 2)
    expect(desk.browser.asked[1]?.audio).toMatchObject({ deviceId: { exact: 'headset' } })
    choose(1, 'ear')
    await seen(() => heard.length > 0)
    expect(heard).toEqual(['ear'])
    desk.browser.devices!.getUserMedia = () => Promise.reject(new DOMException('', 'OverconstrainedError'))
    choose(0, 'gone')
    await seen(() => says('没有换成，仍用原来的设备。'))
    expect(document.querySelector<HTMLSelectElement>('.devices select')!.value).toBe('headset')
    Reflect.deleteProperty(HTMLMediaElement.prototype, 'setSinkId')
  })

  it('a voice sounds by an element of its own and no picture does; where the browser wants a gesture, one press cures it', async () => {
    let refuses = true
    const plays: string[] = []
    vi.spyOn(HTMLMediaElement.prototype, 'play').mockImplementation(async function (this: HTMLMediaElement) {
      plays.push(this.tagName)
      if (refuses && this.tagName === 'AUDIO') throw new DOMException('', 'NotAllowedError')
    })
    await inCall()
    await seen(() => there('.sound'))
    expect([...document.querySelectorAll('.call audio')].map((one) => (one as HTMLAudioElement).muted)).toEqual([false])
    expect([...document.querySelectorAll('.call video')].every((one) => (one as HTMLVideoElement).muted)).toBe(true)
    refuses = false
    const before = plays.filter((one) => one === 'AUDIO').length
    find('.sound').click()
    await seen(() => !there('.sound'))
    await seen(() => plays.filter((one) => one === 'AUDIO').length > before)
    desk.calling.change('call-1', 'buyer', { camera: false })
    await seen(() => find('.picture video').style.display === 'none')
    expect(there('.call audio')).toBe(true)
  })

  it('marks are drawn by the keyboard on the picture, taken back, and those of the buyer are seen', async () => {
    await inCall()
    const radios = [...document.querySelectorAll<HTMLElement>('[role="radio"]')]
    key(radios[0]!, { key: 'ArrowRight' })
    await seen(() => find('[role="radio"][aria-checked="true"]').getAttribute('aria-label') === '箭头')
    const layer = () => find('.layer[role="application"]')
    pictured()
    await seen(() => there('.layer[role="application"]'))
    key(layer(), { key: 'Enter' })
    for (let step = 0; step < 4; step++) key(layer(), { key: 'ArrowRight', shiftKey: true })
    key(layer(), { key: 'Enter' })
    await seen(() => asked('call.mark').length === 1)
    const mark = asked('call.mark')[0]?.['mark'] as Record<string, unknown>
    expect(mark).toMatchObject({ shape: 'arrow', of: 'buyer-1', start: { x: 0.5, y: 0.5 } })
    desk.calling.draw('call-1', 'buyer-1', { shape: 'circle', mark_id: 'of-the-buyer', of: 'buyer-1', frame_at: 1, centre: { x: 0.2, y: 0.2 }, rx: 0.1, ry: 0.1 })
    await seen(() => document.querySelectorAll('[data-mark]').length === 2)
    key(layer(), { key: 'z', ctrlKey: true })
    await seen(() => document.querySelectorAll('[data-mark]').length === 1)
    expect(asked('call.mark')[1]?.['mark']).toMatchObject({ shape: 'undo', undone: mark['mark_id'] })
    expect(find('[data-mark]').getAttribute('data-mark')).toBe('circle')
  })

  it('the picture is held and let go; what lay on the held one goes with it', async () => {
    await inCall()
    pictured()
    desk.calling.draw('call-1', 'buyer-1', { shape: 'circle', mark_id: 'of-the-buyer', of: 'buyer-1', frame_at: 1, centre: { x: 0.2, y: 0.2 }, rx: 0.1, ry: 0.1 })
    await seen(() => there('[data-mark]'))
    const made = vi.spyOn(HTMLCanvasElement.prototype, 'toDataURL').mockReturnValue('data:,')
    button('定格画面').click()
    await seen(() => says('还没有可以定格的画面'))
    made.mockReturnValue('data:image/jpeg;base64,/9j/0')
    button('定格画面').click()
    await seen(() => says('画面已定格'))
    expect(find('img.held').getAttribute('src')).toBe('data:image/jpeg;base64,/9j/0')
    expect(asked('call.mark')[0]?.['mark']).toMatchObject({ of: 'buyer-1', picture: '/9j/0' })
    button('恢复画面').click()
    await seen(() => asked('call.mark').length === 3)
    await seen(() => !there('img.held'))
    expect(asked('call.mark').map((one) => (one['mark'] as { shape: string }).shape)).toEqual(['freeze', 'unfreeze', 'clear'])
    await seen(() => !there('[data-mark]'))
  })

  it('light and zoom of the buyer\'s camera are set where it has them, and stand as his page tells', async () => {
    await inCall()
    expect(there('.camera')).toBe(false)
    const zoom = { least: 1, most: 8, now: 1 }
    desk.calling.change('call-1', 'buyer', { controls: { torch: false, zoom: null } })
    await seen(() => there('.camera .torch'))
    expect(there('.camera input')).toBe(false)
    button('补光').click()
    await seen(() => find('.camera .torch').getAttribute('aria-pressed') === 'true')
    desk.calling.change('call-1', 'buyer', { controls: { torch: null, zoom } })
    await seen(() => there('.camera input'))
    expect(there('.camera .torch')).toBe(false)
    const slider = find<HTMLInputElement>('.camera input')
    expect(slider.getAttribute('aria-label')).toBe('放大 王小雨 的摄像头')
    const drawn = (to: number) => {
      slider.value = String(to)
      slider.dispatchEvent(new Event('input'))
      slider.dispatchEvent(new Event('change'))
    }
    drawn(20)
    await seen(() => find('.camera output').textContent === '8.0 倍')
    await seen(() => asked('call.adjust').length === 2)
    expect(asked('call.adjust')).toEqual([{ call_id: 'call-1', torch: true }, { call_id: 'call-1', zoom: 8 }])
    desk.calling.change('call-1', 'buyer', { controls: { torch: null, zoom: { ...zoom, now: 4.5 } } })
    await seen(() => slider.value === '10' && slider.getAttribute('aria-valuetext') === '4.5 倍')
    desk.calling.handlers['call.adjust'] = () => {
      throw new Refusal('camera_incapable', 'no')
    }
    drawn(0)
    await seen(() => says('没有成功：对方的摄像头现在做不到。'))
    expect(slider.value).toBe('10')
    desk.calling.change('call-1', 'buyer', { camera: false, controls: null })
    await seen(() => !there('.camera'))
  })

  it('what the buyer\'s page does not do stands as before after a while', async () => {
    await inCall()
    desk.calling.change('call-1', 'buyer', { controls: { torch: null, zoom: { least: 1, most: 8, now: 1 } } })
    await seen(() => there('.camera input'))
    desk.calling.handlers['call.adjust'] = ({ call_id }) => ({ call_id, participant_id: 'buyer-1' })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const slider = find<HTMLInputElement>('.camera input')
    slider.value = '20'
    slider.dispatchEvent(new Event('input'))
    slider.dispatchEvent(new Event('change'))
    await vi.advanceTimersByTimeAsync(2_900)
    expect(slider.value).toBe('20')
    await vi.advanceTimersByTimeAsync(200)
    expect(slider.value).toBe('0')
  })

  it('says that the buyer is waited for who has taken the call and has not connected', async () => {
    await inCall()
    const call = desk.calling.get('call-1')
    const participants = call.participants.map((one) => (one.role === 'buyer' ? { ...one, state: 'invited' as const } : one))
    desk.calling.tell('call.changed', { ...call, state: 'answered', participants })
    await seen(() => says('等 王小雨 接通'))
  })

  it('says who is reconnecting and for how long the call is kept', async () => {
    await inCall()
    desk.calling.change('call-1', 'buyer', { state: 'reconnecting', reconnect_until: Date.now() + 30_000 }, 'call.left')
    await seen(() => says('王小雨 正在重新连接') && says('通话保留'))
    desk.calling.change('call-1', 'buyer', { state: 'joined', reconnect_until: null }, 'call.joined')
    await seen(() => !says('正在重新连接'))
  })

  it('says how a supervisor is in it, once he has come', async () => {
    await inCall()
    const say = (change: Partial<Participant>) => {
      const call = desk.calling.get('call-1')
      const others = call.participants.filter((one) => one.role !== 'supervisor')
      desk.calling.tell('call.changed', { ...call, participants: [...others, participant('supervisor', { name: '顾主管', ...change })] })
    }
    say({ state: 'invited', mode: 'listener' })
    await nextTick()
    expect(there('.call .way')).toBe(false)
    for (const [mode, words] of [['listener', '顾主管 在旁听'], ['whisper', '顾主管 只对你说'], ['barge', '顾主管 在三方通话']] as const) {
      say({ state: 'joined', mode })
      await seen(() => there('.call .way') && find('.call .way').textContent === words)
    }
    say({ state: 'left', mode: 'barge' })
    await seen(() => !there('.call .way'))
  })

  it('it is not his any more who was relieved: the picture goes, and nobody asks him about recording', async () => {
    await inCall()
    await seen(() => says('要录制这次通话吗？'))
    desk.give('c-wang', 'p-other', '顾主管')
    const call = desk.calling.get('call-1')
    const participants = call.participants.map((one) => (one.role === 'agent' ? { ...one, state: 'left' as const } : one))
    desk.calling.tell('call.left', { ...call, participants: [...participants, participant('agent', { participant_id: 'agent-2', name: '顾主管' })] })
    await seen(() => !there('.call'))
    expect(says('要录制这次通话吗？')).toBe(false)
  })
})

describe('a supervisor', () => {
  it('in the call of another has neither light nor zoom of the buyer\'s camera', async () => {
    const controls = { torch: false, zoom: { least: 1, most: 8, now: 1 } }
    const people = [participant('buyer', { name: '郑爽朗', controls }), participant('agent', { name: '周周', participant_id: 'agent-9' })]
    desk.calling.calls.set('call-9', aCall({ call_id: 'call-9', conversation_id: 'c-zheng', participants: people }))
    await opened()
    find('[aria-label="看板"]').click()
    await seen(() => says('郑爽朗 与 周周'))
    button('加入通话').click()
    await seen(() => there('.call.tile'))
    find('[aria-label="回到通话"]').click()
    await seen(() => there('.call-place [role="radiogroup"]'))
    expect(there('.camera')).toBe(false)
    expect(find('.call-place .call .way').textContent, 'also in the large call').toBe('三方通话')
  })

  it('sees the calls on the wall and listens without opening a microphone', async () => {
    desk.calling.calls.set('call-9', aCall({ call_id: 'call-9', conversation_id: 'c-zheng', participants: [participant('buyer', { name: '郑爽朗' }), participant('agent', { name: '周周', participant_id: 'agent-9' })] }))
    await opened()
    find('[aria-label="看板"]').click()
    await seen(() => says('郑爽朗 与 周周'))
    button('旁听').click()
    await seen(() => there('.call.tile'))
    expect(asked('call.listen')).toEqual([{ call_id: 'call-9' }])
    expect(desk.browser.asked).toEqual([])
  })

  it('reads on the tile how he is in the call, and leaves it by a button that is not the end', async () => {
    desk.calling.calls.set('call-9', aCall({ call_id: 'call-9', conversation_id: 'c-zheng', participants: [participant('buyer', { name: '郑爽朗' }), participant('agent', { name: '周周', participant_id: 'agent-9' })] }))
    await opened()
    find('[aria-label="看板"]').click()
    for (const [how, way] of [['旁听', '旁听'], ['只对客服说', '只对客服说'], ['加入通话', '三方通话']] as const) {
      await seen(() => !button(how).disabled)
      button(how).click()
      await seen(() => find('.call.tile .way').textContent === way)
    }
    await seen(() => desk.calling.get('call-9').participants.some((one) => one.role === 'supervisor' && one.state === 'joined'))
    expect(there('.call.tile .end')).toBe(false)
    button('离开', find('.call.tile')).click()
    await seen(() => asked('call.hang_up').length === 1)
  })
})
