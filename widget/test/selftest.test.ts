import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { describe, expect, test } from 'vitest'
import type { Abilities } from '../src/call/probe.ts'
import { browserOf, plain } from '../src/selftest/browser.ts'
import type * as probes from '../src/selftest/probes.ts'
import { fails, UNTOLD, works, type Found, type Probe } from '../src/selftest/probes.ts'
import { Selftest, verdictOf, type Outlook } from '../src/selftest/Selftest.ts'
import SelftestApp from '../src/selftest/SelftestApp.vue'
import { speak, verdictWords } from '../src/selftest/words.ts'

const AGENTS = {
  wechatAndroid:
    'Mozilla/5.0 (Linux; Android 13; M2012K11AC Build/TKQ1.220829.002; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 MMWEBID/1 MicroMessenger/8.0.49.2600(0x28003136) WeChat/arm64',
  wechatIos: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.48(0x18003030) NetType/WIFI Language/zh_CN',
  safari: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1',
  ipad: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15',
  chrome: 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36',
  samsung: 'Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36',
  taobao: 'Mozilla/5.0 (Linux; U; Android 12; zh-CN; ANA-AN00 Build/HUAWEIANA-AN00) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/100.0.4896.58 UWS/5.12 Mobile Safari/537.36 AliApp(TB/10.34.10) TTID/1 WindVane/8.5.0',
}

describe('which browser it is', () => {
  test.each([
    ['wechatAndroid', { browser: 'Android WebView 116.0.0.0', platform: 'Android 13', model: 'M2012K11AC', inside: 'wechat 8.0.49.2600' }],
    ['wechatIos', { browser: 'iOS WebView', platform: 'iOS 17.4.1', model: 'iPhone', inside: 'wechat 8.0.48' }],
    ['safari', { browser: 'Safari 17.4', platform: 'iOS 17.4', model: 'iPhone', inside: '' }],
    ['chrome', { browser: 'Chrome 156.0.0.0', platform: 'Android 10', model: '', inside: '' }],
    ['samsung', { browser: 'Samsung Internet 25.0', platform: 'Android 14', model: 'SM-S918B', inside: '' }],
    ['taobao', { browser: 'Chrome 100.0.4896.58', platform: 'Android 12', model: 'ANA-AN00', inside: 'taobao 10.34.10' }],
  ] as const)('%s', (agent, said) => {
    expect(browserOf(AGENTS[agent])).toEqual(said)
  })

  test('what Chromium tells when asked comes before what it says to everybody', () => {
    const hints = {
      model: 'Pixel 8',
      platform: 'Android',
      platformVersion: '16.0.0',
      fullVersionList: [
        { brand: 'Not)A;Brand', version: '99' },
        { brand: 'Chromium', version: '156.0.8078.108' },
        { brand: 'Google Chrome', version: '156.0.8078.108' },
      ],
    }
    expect(browserOf(AGENTS.chrome, hints)).toEqual({ browser: 'Google Chrome 156.0.8078.108', platform: 'Android 16.0.0', model: 'Pixel 8', inside: '' })
  })

  test('an iPad that calls itself a Mac is known by its touches', () => {
    expect(browserOf(AGENTS.ipad, {}, 5)).toMatchObject({ platform: 'iPadOS', model: 'iPad' })
    expect(browserOf(AGENTS.ipad)).toMatchObject({ platform: 'macOS 10.15.7', model: '' })
  })

  test('words hold nothing but what the desk takes', () => {
    expect(plain(`华为<b>|P60 ${'x'.repeat(80)}`)).toBe(`b P60 ${'x'.repeat(54)}`)
  })
})

const CAN: Abilities = { video: true, voice: true, obstacle: null, app: null }

describe('the verdict', () => {
  test.each<[Outlook, Partial<Record<Probe, Found>>, Partial<Abilities>]>([
    ['video', { camera: works(), microphone: works() }, {}],
    ['video', { camera: works(), microphone: UNTOLD }, {}],
    ['unheard', { camera: works(), microphone: fails('silent') }, {}],
    ['unheard', { camera: works(), microphone: fails('missing') }, {}],
    ['barred', { camera: works(), microphone: fails('refused') }, {}],
    ['voice', { camera: fails('refused'), microphone: works() }, {}],
    ['barred', { camera: fails('refused'), microphone: fails('refused') }, {}],
    ['pictures', { camera: works(), microphone: works(), codecs: fails('VP8') }, {}],
    ['pictures', {}, { video: false, voice: false, obstacle: 'app' }],
    ['nothing', { camera: works(), microphone: works(), socket: fails('closed') }, {}],
  ])('%s', (outlook, found, abilities) => {
    expect(verdictOf({ found, abilities: { ...CAN, ...abilities } }).outlook).toBe(outlook)
  })

  const said = (found: Partial<Record<Probe, Found>>): string => verdictWords(verdictOf({ found, abilities: CAN }), found).join(' | ')

  test('counts the steps that are left, in both languages', () => {
    speak(['zh-CN'])
    expect(said({})).toBe('还差两步 | 点下面的按钮，试一下摄像头和麦克风。')
    expect(said({ camera: works() })).toBe('还差一步 | 点下面的按钮，试一下麦克风。')
    expect(said({ microphone: works() })).toBe('还差一步 | 点下面的按钮，试一下摄像头。')
    speak(['en'])
    expect(said({ microphone: UNTOLD })).toBe('One step to go | Tap the button below to try the camera.')
  })

  test('says what was refused and what its person can do, before and after the last step', () => {
    speak(['zh-CN'])
    const [refused, busy] = [fails('refused'), fails('busy')]
    expect(said({ camera: refused })).toBe('摄像头没有得到许可 | 请在浏览器或系统的设置里允许，再试一次。还差一步。点下面的按钮，试一下麦克风。')
    expect(said({ camera: refused, microphone: refused })).toBe('现在不能通话 | 摄像头和麦克风没有得到许可。请在浏览器或系统的设置里允许，再试一次。也可以拍照片发给客服。')
    expect(said({ camera: busy, microphone: works() })).toBe('可以语音，不能视频 | 摄像头正被别的应用占用。请关掉那个应用，再试一次。可以只用语音，或拍照片发给客服。')
    speak(['en'])
    expect(said({ microphone: refused })).toBe(
      'Microphone not allowed | Allow it in the settings of the browser or the system and try again. One step to go. Tap the button below to try the camera.',
    )
    expect(said({ camera: refused, microphone: busy })).toBe(
      'No calls for now | Camera not allowed. Allow it in the settings of the browser or the system and try again. Microphone in use by another app. Close that app and try again. You can also send pictures.',
    )
  })
})

/** The page before a desk and a device that the test plays. */
async function page(answer: () => Response, device: Partial<typeof probes> = {}) {
  const opened: string[] = []
  const bodies: unknown[] = []
  const tries = {
    hints: async () => ({}),
    seen: () => ({ secure: works(), app: works(), api: works(), policy: works(), storage: works(), capture: fails(), screen: works() }),
    codecs: async () => works('VP8 Opus'),
    socket: async () => works('12 ms'),
    ear: () => null,
    camera: async () => (opened.push('camera'), { camera: works('1280x720 30fps environment'), torch: works(), zoom: works('1-8') }),
    microphone: async () => (opened.push('microphone'), fails('silent')),
    ...device,
  } as unknown as typeof probes
  const fetch = async (_: string, init?: RequestInit): Promise<Response> => (bodies.push(JSON.parse(String(init!.body))), answer())
  const selftest = new Selftest(fetch, tries, CAN)
  const shown = mount(SelftestApp, { props: { selftest }, attachTo: document.body })
  void selftest.begin()
  await flushPromises()
  return { shown, selftest, opened, bodies }
}

const press = async (shown: VueWrapper, words: string): Promise<void> => {
  await shown.findAll('button').find((one) => one.text() === words)!.trigger('click')
  await flushPromises()
}
const stored = (): Response => new Response(JSON.stringify({ kept_until: Date.UTC(2027, 4, 25, 12) }), { status: 200 })

describe('the page', () => {
  test('opens nothing before a tap, and sends nothing before it was shown and agreed to', async () => {
    speak(['zh-CN'])
    const { shown, opened, bodies, selftest } = await page(stored)
    expect(shown.text()).toContain('还差两步')
    expect(opened).toEqual([])
    await press(shown, '试摄像头')
    expect(shown.text()).toContain('1280 × 720，每秒 30 帧，后置')
    expect(shown.text()).toContain('1–8 倍')
    expect(shown.find('.verdict.asks h2').text()).toBe('还差一步')
    await press(shown, '试麦克风')
    expect(shown.text()).toContain('打开了，但没有听到声音')
    expect(shown.find('.verdict.part h2').text()).toBe('可以视频，客服听不到您')
    expect(opened).toEqual(['camera', 'microphone'])
    await press(shown, '上传结果…')
    expect(shown.text()).toContain('保存 180 天后删除')
    const said = JSON.parse(shown.find('pre').text())
    expect(bodies).toEqual([])
    await press(shown, '不上传')
    await press(shown, '上传结果…')
    await press(shown, '同意并上传')
    expect(bodies).toEqual([said])
    expect(said.findings.visibility).toEqual({ outcome: 'untried', detail: '' })
    expect(shown.text()).toContain('已收到，谢谢')
    // Another result is not what was sent.
    selftest.showed(false)
    selftest.showed(true)
    await flushPromises()
    expect(shown.text()).not.toContain('已收到')
    expect(shown.text()).toContain('页面收到了通知')
  })

  test('does not stay calm after a refusal, and is again when it was put right', async () => {
    speak(['zh-CN'])
    let refuses = true
    const { shown } = await page(stored, { camera: async () => ({ camera: refuses ? fails('refused') : works('1280x720 30fps'), torch: UNTOLD, zoom: UNTOLD }) })
    await press(shown, '试摄像头')
    expect(shown.find('.verdict.part h2').text()).toBe('摄像头没有得到许可')
    refuses = false
    await press(shown, '再试摄像头')
    expect(shown.find('.verdict.asks h2').text()).toBe('还差一步')
  })

  test('says why it was not stored, in the language of the reader, and tries again', async () => {
    speak(['en-GB', 'zh'])
    const refusal = { error: { code: 'too_many', message: '', data: {} } }
    let full = true
    const { shown, bodies } = await page(() => (full ? new Response(JSON.stringify(refusal), { status: 429 }) : stored()))
    await press(shown, 'Send the results…')
    await press(shown, 'Agree and send')
    expect(shown.text()).toContain('There are enough results already')
    full = false
    await press(shown, 'Agree and send')
    expect(bodies).toHaveLength(2)
    expect(shown.text()).toContain('Received, thank you')
  })
})
