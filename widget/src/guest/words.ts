import type { Participant } from '@livedesk/protocol'
import type { DeviceFault, Phase } from '@livedesk/protocol/CallClient.ts'
import { CALLER_CONSENT } from '@livedesk/protocol/consents.ts'
import { computed, shallowRef } from 'vue'
import { readersLocale, type Locale } from '../locale.ts'

const zh = {
  title: '视频通话',
  finding: '正在打开通话…',
  offline: '网络断开了，恢复后会自动继续。',
  invited: (agent: string) => `${agent} 请您加入一次通话`,
  you: (name: string) => `对方会看到您的名字：${name}`,
  inCall: (people: string) => `正在通话：${people}`,
  and: '、',
  came: (who: string) => `${who}加入了通话`,
  went: (who: string) => `${who}离开了通话`,
  silent: (who: string) => `${who}不再和您通话`,
  person: (name: string, role: string) => `${name}（${role}）`,
  joinVideo: '打开摄像头加入',
  joinVoice: '只用语音加入',
  joinSilent: '只看只听',
  preview: '预览，还没有发给任何人',
  join: '加入通话',
  back: '返回',
  asking: '请在浏览器的提示里选择「允许」。',
  joining: '正在接通…',
  alone: '等待通话中的另外两方…',
  reconnecting: '网络断了一下，正在重新连接…',
  interrupted: '有一方的网络断了，正在等待…',
  waiting: '客服的连接中断了，下一位客服正在接入。',
  elsewhere: '通话在您的另一个页面上。',
  moveHere: '移到这里',
  again: '再试一次',
  refused: '没能接通，请再试一次。',
  soundBlocked: '点按开启声音',
  recording: '正在录制',
  recordAsk: CALLER_CONSENT.texts['zh-CN'].ask,
  recordHelp: CALLER_CONSENT.texts['zh-CN'].promise,
  recordYes: CALLER_CONSENT.texts['zh-CN'].grant,
  recordNo: CALLER_CONSENT.texts['zh-CN'].refuse,
  recordStop: '停止录制',
  recordForbid: '不允许录制',
  recordAllow: '允许录制',
  mute: '静音',
  unmute: '打开麦克风',
  cameraOff: '关闭摄像头',
  cameraOn: '打开摄像头',
  flip: '切换摄像头',
  leave: '离开',
  me: '我',
  mine: '我的画面',
  theirs: (name: string) => `${name} 的画面`,
  noPicture: (name: string) => `${name} 没有打开摄像头`,
  role: { buyer: '买家', agent: '客服', supervisor: '主管', guest: '来宾' },
  over: '通话已结束',
  left: '您已离开通话',
  overHelp: '可以关闭这个页面了。',
  closed: '这个链接打不开通话',
  closedHelp: '通话已经结束、链接已过期，或被发出它的人收回。请向他要一个新的链接。',
  insecure: '这个页面不是 https 的安全连接，浏览器不允许使用摄像头和麦克风；您仍可以只看只听。',
  level: { good: '网络良好', fair: '网络一般', poor: '网络较差' },
  fault: {
    denied: '没有得到摄像头或麦克风的许可。请在浏览器或系统设置里允许，再试一次。',
    missing: '没有找到摄像头或麦克风。',
    in_use: '摄像头或麦克风正被别的应用占用。',
    unsupported: '这个浏览器做不到。',
    ended: '摄像头或麦克风被系统收回了。',
    failed: '摄像头或麦克风没能打开。',
  } satisfies Record<DeviceFault, string>,
}
type GuestWords = typeof zh

const en: GuestWords = {
  title: 'Video call',
  finding: 'Opening the call…',
  offline: 'The network is gone. It goes on by itself when it is back.',
  invited: (agent) => `${agent} asks you to join a call`,
  you: (name) => `You are shown as ${name}`,
  inCall: (people) => `In the call: ${people}`,
  and: ', ',
  came: (who) => `${who} joined the call`,
  went: (who) => `${who} left the call`,
  silent: (who) => `${who} no longer talks with you`,
  person: (name, role) => `${name} (${role})`,
  joinVideo: 'Join with camera',
  joinVoice: 'Join with voice only',
  joinSilent: 'Just watch and listen',
  preview: 'Preview: nobody sees this yet',
  join: 'Join',
  back: 'Back',
  asking: 'Choose “Allow” when your browser asks.',
  joining: 'Connecting…',
  alone: 'Waiting for the two others…',
  reconnecting: 'The network dropped. Reconnecting…',
  interrupted: 'Somebody lost the connection. Waiting…',
  waiting: 'The agent lost the connection. The next one is coming.',
  elsewhere: 'The call is on another page of yours.',
  moveHere: 'Move it here',
  again: 'Try again',
  refused: 'That did not work. Please try again.',
  soundBlocked: 'Tap for sound',
  recording: 'Recording',
  recordAsk: CALLER_CONSENT.texts.en.ask,
  recordHelp: CALLER_CONSENT.texts.en.promise,
  recordYes: CALLER_CONSENT.texts.en.grant,
  recordNo: CALLER_CONSENT.texts.en.refuse,
  recordStop: 'Stop recording',
  recordForbid: 'Do not allow recording',
  recordAllow: 'Allow recording',
  mute: 'Mute',
  unmute: 'Microphone on',
  cameraOff: 'Camera off',
  cameraOn: 'Camera on',
  flip: 'Switch camera',
  leave: 'Leave',
  me: 'Me',
  mine: 'My picture',
  theirs: (name) => `${name}’s picture`,
  noPicture: (name) => `${name} has the camera off`,
  role: { buyer: 'buyer', agent: 'agent', supervisor: 'supervisor', guest: 'guest' },
  over: 'The call is over',
  left: 'You left the call',
  overHelp: 'You can close this page.',
  closed: 'This link opens no call',
  closedHelp: 'The call is over, the link has expired, or whoever sent it took it back. Ask for a new one.',
  insecure: 'This page is not secure (https), so that the browser allows no camera or microphone. You can still watch and listen.',
  level: { good: 'Good connection', fair: 'Fair connection', poor: 'Poor connection' },
  fault: {
    denied: 'Camera or microphone were not allowed. Allow them in the browser’s or the system’s settings and try again.',
    missing: 'No camera or microphone was found.',
    in_use: 'Another app is using the camera or the microphone.',
    unsupported: 'This browser cannot do that.',
    ended: 'The system took the camera or the microphone away.',
    failed: 'Camera or microphone could not be opened.',
  },
}

export const language = shallowRef<Locale>('zh-CN')
export const words = computed<GuestWords>(() => (language.value === 'en' ? en : zh))

/** Speaks the reader's own language where it is one of the two, and Chinese otherwise. */
export function speak(wishes: readonly string[]): void {
  language.value = readersLocale(wishes) ?? 'zh-CN'
  document.documentElement.lang = language.value
  document.title = words.value.title
}

/** What is to be said of where the call stands; empty where the pictures say it. */
export function lineOf(phase: Phase): string {
  const w = words.value
  switch (phase) {
    case 'joining':
      return w.joining
    case 'connecting':
      return w.alone
    case 'reconnecting':
      return w.reconnecting
    case 'interrupted':
      return w.interrupted
    case 'waiting':
      return w.waiting
    case 'elsewhere':
      return w.elsewhere
    case 'refused':
      return w.refused
    default:
      return ''
  }
}

export const personWords = ({ name, role }: Participant): string => words.value.person(name, words.value.role[role])
