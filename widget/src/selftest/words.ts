import { computed, shallowRef } from 'vue'
import { APP_NAMES } from '../call/apps.ts'
import type { App } from '../call/probe.ts'
import { readersLocale, type Locale } from '../locale.ts'
import type { Found, Probe } from './probes.ts'
import type { Device, Outlook, Verdict } from './Selftest.ts'

/** One of the two devices, or both. */
type Named = Device | 'both'

const zh = {
  title: '手机自测',
  lead: '看看这台设备能不能视频客服。没有您的点按，不会打开摄像头和麦克风。',
  device: '这台设备',
  browser: '浏览器',
  platform: '系统',
  model: '型号',
  hidden: '浏览器没有说',
  name: { camera: '摄像头', microphone: '麦克风', both: '摄像头和麦克风' } satisfies Record<Named, string>,
  left: { camera: '还差一步', microphone: '还差一步', both: '还差两步' } satisfies Record<Named, string>,
  leftHelp: {
    camera: '点下面的按钮，试一下摄像头。',
    microphone: '点下面的按钮，试一下麦克风。',
    both: '点下面的按钮，试一下摄像头和麦克风。',
  } satisfies Record<Named, string>,
  verdict: {
    video: ['可以视频客服', '摄像头能打开，画面是动的。网络够不够，通话时才知道。'],
    unheard: ['可以视频，客服听不到您', '不用麦克风也能让客服看到，您可以打字。'],
    voice: ['可以语音，不能视频', '可以只用语音，或拍照片发给客服。'],
    barred: ['现在不能通话', '也可以拍照片发给客服。'],
    pictures: ['这里不能通话', '可以拍照片发给客服，或换系统自带的浏览器再试。'],
    nothing: ['连不上客服', '这个网络或浏览器打不开到服务器的连接，请换一个网络再试。'],
  } satisfies Record<Outlook, [string, string]>,
  /** What failed, and what its person can do. */
  fault: {
    refused: (what: string) => [`${what}没有得到许可`, '请在浏览器或系统的设置里允许，再试一次。'],
    busy: (what: string) => [`${what}正被别的应用占用`, '请关掉那个应用，再试一次。'],
    missing: (what: string) => [`没有找到${what}`, '请接好，或换一台设备再试。'],
    silent: (what: string) => [`${what}没有听到声音`, '请离近一点、大声一点，再试一次。'],
    'no picture': (what: string) => [`${what}没有画面`, '请关掉别的用摄像头的应用，再试一次。'],
  } as Record<string, (what: string) => [string, string]>,
  /** Between a heading that is said in a line and what follows it, and between two sentences. */
  ends: '。',
  gap: '',
  can: '浏览器能做什么',
  devices: '摄像头和麦克风',
  tryCamera: '试摄像头',
  againCamera: '再试摄像头',
  tryMicrophone: '试麦克风',
  againMicrophone: '再试麦克风',
  watching: '正在看画面…',
  listening: '请对着手机说句话…',
  preview: '画面只在这里，不会发给任何人',
  looking: '正在看…',
  probe: {
    secure: '安全连接',
    app: '打开方式',
    api: '通话功能',
    policy: '使用许可',
    codecs: '音视频格式',
    socket: '连接服务器',
    storage: '本机存储',
    capture: '直接拍照上传',
    screen: '共享屏幕',
    camera: '摄像头',
    torch: '补光灯',
    zoom: '变焦',
    microphone: '麦克风',
    visibility: '离开再回来',
  } satisfies Record<Probe, string>,
  works: {
    secure: '浏览器认可，肯给摄像头',
    app: '系统里的浏览器',
    api: '有',
    policy: '页面可以请求',
    codecs: 'VP8 和 Opus 都有',
    socket: (detail: string) => `通，${detail.replace(' ms', ' 毫秒')}`,
    storage: '可以',
    capture: '可以',
    screen: '可以',
    camera: (size: string, rate: string, facing: string) => `${size}，每秒 ${rate} 帧，${facing}`,
    torch: '能开',
    zoom: (detail: string) => `${detail.replace('-', '–')} 倍`,
    microphone: (detail: string) => `听到了，最响 ${detail.replace('-', '−')}`,
    visibility: '页面收到了通知',
  },
  facing: { environment: '后置', user: '前置', other: '未说明前后置' },
  fails: {
    secure: '不是 https，浏览器不给用摄像头',
    app: (app: string) => `在${app}里打开的，有的手机在这里用不了摄像头`,
    api: '没有',
    policy: '页面没有得到许可',
    codecs: (detail: string) => `缺 ${detail}`,
    socket: '打不开',
    storage: '浏览器不让存，刷新后要重新开始',
    capture: '没有，只能选已有的图片',
    screen: '没有',
    torch: '没有，或浏览器不让开',
    zoom: '没有，或浏览器不让调',
    visibility: '没有收到',
  },
  device_fails: {
    refused: '没有得到许可',
    busy: '正被别的应用占用',
    missing: '没有找到',
    silent: '打开了，但没有听到声音',
    'no picture': '打开了，但没有画面',
  } as Record<string, string>,
  untold: '浏览器没有说',
  untried: '还没有试',
  untriedVisibility: '切到别的应用，再回到这里',
  notHere: '到服务器的音视频通路（UDP）要真正通话时才知道，这里不测。',
  send: '上传结果',
  sendLead: '把结果告诉这里的技术人员，帮他们知道哪些手机能用。先给您看要发的内容。',
  will: '将会发送',
  willNot: (days: number) => `不发送画面、声音、网络地址和任何能认出您的编号。保存 ${days} 天后删除。`,
  raw: '查看发送的原文',
  agree: '同意并上传',
  disagree: '不上传',
  sending: '正在上传…',
  sent: '已收到，谢谢',
  kept: (day: string) => `保存到 ${day}。`,
  refused: {
    offline: '没有网络，稍后再试。',
    rate_limited: '上传得太频繁，过几分钟再试。',
    too_many: '已经收到足够多的结果，这次没有保存。',
    other: '没有上传成功，请再试一次。',
  } as Record<string, string>,
}
type SelftestWords = typeof zh

const en: SelftestWords = {
  title: 'Self-test',
  lead: 'See whether this device can make a video call to the service. Camera and microphone stay off until you tap.',
  device: 'This device',
  browser: 'Browser',
  platform: 'System',
  model: 'Model',
  hidden: 'The browser does not say',
  name: { camera: 'Camera', microphone: 'Microphone', both: 'Camera and microphone' },
  left: { camera: 'One step to go', microphone: 'One step to go', both: 'Two steps to go' },
  leftHelp: {
    camera: 'Tap the button below to try the camera.',
    microphone: 'Tap the button below to try the microphone.',
    both: 'Tap the buttons below to try camera and microphone.',
  },
  verdict: {
    video: ['Video calls work', 'The camera opens and its picture moves. Whether the network will do shows in the call.'],
    unheard: ['Video works, but nobody hears you', 'You can be seen without a microphone, and write.'],
    voice: ['Voice works, video does not', 'You can talk, or send pictures.'],
    barred: ['No calls for now', 'You can also send pictures.'],
    pictures: ['No calls here', 'You can send pictures, or try again in the browser of the system.'],
    nothing: ['The service cannot be reached', 'This network or browser opens no connection to the server. Try another network.'],
  },
  fault: {
    refused: (what) => [`${what} not allowed`, 'Allow it in the settings of the browser or the system and try again.'],
    busy: (what) => [`${what} in use by another app`, 'Close that app and try again.'],
    missing: (what) => [`${what} not found`, 'Connect one, or try another device.'],
    silent: (what) => [`${what} heard nothing`, 'Come closer, speak up and try again.'],
    'no picture': (what) => [`${what} gave no picture`, 'Close other apps that use the camera and try again.'],
  },
  ends: '. ',
  gap: ' ',
  can: 'What the browser can do',
  devices: 'Camera and microphone',
  tryCamera: 'Camera',
  againCamera: 'Camera again',
  tryMicrophone: 'Microphone',
  againMicrophone: 'Microphone again',
  watching: 'Watching the picture…',
  listening: 'Say something…',
  preview: 'The picture stays here and goes to nobody',
  looking: 'Looking…',
  probe: {
    secure: 'Secure connection',
    app: 'Opened in',
    api: 'Calls',
    policy: 'Permission policy',
    codecs: 'Audio and video formats',
    socket: 'Connection to the server',
    storage: 'Storage',
    capture: 'Taking a picture to upload',
    screen: 'Screen sharing',
    camera: 'Camera',
    torch: 'Torch',
    zoom: 'Zoom',
    microphone: 'Microphone',
    visibility: 'Leaving and coming back',
  },
  works: {
    secure: 'The browser trusts it with a camera',
    app: 'The browser of the system',
    api: 'There',
    policy: 'The page may ask',
    codecs: 'VP8 and Opus',
    socket: (detail) => `Open after ${detail}`,
    storage: 'Works',
    capture: 'Works',
    screen: 'Works',
    camera: (size, rate, facing) => `${size}, ${rate} frames a second, ${facing}`,
    torch: 'Can be switched',
    zoom: (detail) => `${detail.replace('-', ' to ')} times`,
    microphone: (detail) => `Heard you, at most ${detail.replace('-', '−')}`,
    visibility: 'The page was told',
  },
  facing: { environment: 'rear camera', user: 'front camera', other: 'rear or front untold' },
  fails: {
    secure: 'Not https: the browser lends no camera',
    app: (app) => `Inside ${app}; on some phones there is no camera here`,
    api: 'Missing',
    policy: 'The page was not allowed to',
    codecs: (detail) => `${detail} missing`,
    socket: 'Does not open',
    storage: 'The browser keeps nothing; a reload begins anew',
    capture: 'Missing: only pictures that are there',
    screen: 'Missing',
    torch: 'None, or not for pages',
    zoom: 'None, or not for pages',
    visibility: 'The page was not told',
  },
  device_fails: {
    refused: 'Not allowed',
    busy: 'In use by another app',
    missing: 'None was found',
    silent: 'It opened, but nothing was heard',
    'no picture': 'It opened, but there is no picture',
  },
  untold: 'The browser does not say',
  untried: 'Not tried yet',
  untriedVisibility: 'Switch to another app and come back',
  notHere: 'Whether sound and picture (UDP) reach the server shows in a real call only; it is not tested here.',
  send: 'Send the results',
  sendLead: 'Tell the people who run this desk what your device can do. You see first what would be sent.',
  will: 'What would be sent',
  willNot: (days) => `No picture, no sound, no address and nothing that identifies you. Deleted after ${days} days.`,
  raw: 'Show it word for word',
  agree: 'Agree and send',
  disagree: 'Do not send',
  sending: 'Sending…',
  sent: 'Received, thank you',
  kept: (day) => `Kept until ${day}.`,
  refused: {
    offline: 'No network. Try again later.',
    rate_limited: 'Too often. Try again in some minutes.',
    too_many: 'There are enough results already; this one was not kept.',
    other: 'It was not sent. Try again.',
  },
}

export const language = shallowRef<Locale>('zh-CN')
export const words = computed<SelftestWords>(() => (language.value === 'en' ? en : zh))

/** Speaks the reader's own language where it is one of the two, and Chinese otherwise. */
export function speak(wishes: readonly string[]): void {
  language.value = readersLocale(wishes) ?? 'zh-CN'
  document.documentElement.lang = language.value
  document.title = words.value.title
}

const named = (names: readonly Device[]): Named => (names.length > 1 ? 'both' : names[0]!)

/** The verdict's heading and what follows it. What failed comes first: it is what the person can put right. */
export function verdictWords({ outlook, left, failed }: Verdict, found: Readonly<Partial<Record<Probe, Found>>>): [string, string] {
  const w = words.value
  const why = (name: Device): string => found[name]?.detail ?? ''
  const alike = failed.length > 1 && why(failed[0]!) === why(failed[1]!)
  const faults = (alike ? [failed] : failed.map((name) => [name])).map((names) => (w.fault[why(names[0]!)] ?? w.fault.missing!)(w.name[named(names)]))
  if (outlook === null) {
    const [steps, help] = [w.left[named(left)], w.leftHelp[named(left)]]
    const [fault] = faults
    return fault ? [fault[0], [fault[1], `${steps}${w.ends}${help}`].join(w.gap)] : [steps, help]
  }
  const [heading, help] = w.verdict[outlook]
  return [heading, [...faults.map(([what, cure]) => `${what}${w.ends}${cure}`), help].join(w.gap)]
}

/** One line about one probe; `app`: in whose browser we are. */
export function lineOf(name: Probe, { outcome, detail }: Found, app: App | null): string {
  const w = words.value
  if (outcome === 'untold') return w.untold
  if (outcome === 'untried') return name === 'visibility' ? w.untriedVisibility : w.untried
  if (outcome === 'works') {
    if (name === 'camera') {
      const [size = '', rate = '', facing = ''] = detail.split(' ')
      const side = facing === 'environment' || facing === 'user' ? w.facing[facing] : w.facing.other
      return w.works.camera(size.replace('x', ' × '), rate.replace('fps', ''), side)
    }
    const said = w.works[name]
    return typeof said === 'string' ? said : said(detail)
  }
  if (name === 'camera' || name === 'microphone') return w.device_fails[detail] ?? detail
  if (name === 'app') return w.fails.app(app ? APP_NAMES[language.value][app] : '')
  const said = w.fails[name]
  return typeof said === 'string' ? said : said(detail)
}
