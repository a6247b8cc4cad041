import type { Shot } from '@livedesk/protocol'
import { computed } from 'vue'
import { codeWords, locale } from '../words.ts'
import type { Doubt } from './measure.ts'

/** What the desk's own pictures show, by their labels in both languages (aftersales/shots.py). */
const OWN = new Map<string, Own>([
  ['吊牌', 'tag'],
  ['Tag', 'tag'],
  ['瑕疵特写', 'fault'],
  ['Fault, close', 'fault'],
  ['整体', 'whole'],
  ['Whole item', 'whole'],
  ['面单', 'waybill'],
  ['Waybill', 'waybill'],
  ['高清照片', 'wanted'],
  ['Sharp photo', 'wanted'],
])
type Own = 'tag' | 'fault' | 'whole' | 'waybill' | 'wanted'

const zh = {
  asks: (count: number) => `客服请您拍 ${count} 张照片`,
  asksAgain: (label: string) => `请再拍一张：${label}`,
  begin: '开始拍',
  goOn: (left: number) => `继续拍，还差 ${left} 张`,
  takeAgain: '去重拍',
  look: '查看照片',
  allTaken: (count: number) => `${count} 张都已处理，谢谢！`,
  notTaken: '咨询结束前没有拍。',
  loading: '照片清单',
  states: { wanted: '待拍', again: '请重拍', filled: '已发送', skipped: '已跳过' },

  screen: '拍照',
  back: '返回聊天',
  step: (place: number, of: number) => `第 ${place} 张，共 ${of} 张`,
  /** One after the other, each its own sentence: a shop's hint may end with a stop or without. */
  sentences: (said: string[]) => said.map((one) => (/[。！？….!?]$/.test(one) ? one : `${one}。`)).join(''),
  shotNow: (step: string, label: string, state: string) => `${step}：${label}，${state}`,
  shots: '照片清单',
  askedAgain: '客服请您重拍这张。',
  said: (note: string) => `客服说：${note}`,
  own: { tag: '吊牌', fault: '有问题的地方', whole: '整件商品', waybill: '面单', wanted: '客服想看清的地方' } satisfies Record<Own, string>,
  named: (label: string) => `「${label}」`,
  aim: (what: string, round: boolean) => `把${what}放进${round ? '圈' : '框'}里`,
  shutter: '拍照',
  starting: '正在打开相机…',
  otherCamera: '切换镜头',
  torchOn: '打开手电筒',
  torchOff: '关闭手电筒',
  cameraRefused: '没有获得相机权限。可以直接用手机的相机拍，一样能发给客服。',
  cameraBusy: '相机正被别的应用占用。可以直接用手机的相机拍，一样能发给客服。',
  cameraMissing: '这里打不开相机。可以直接用手机的相机拍，一样能发给客服。',
  systemCamera: '用手机相机拍',
  cameraAgain: '再试一次',
  notPicture: '这张图打不开，请换一张，或在相机设置里改用 JPEG 格式。',
  cameraNotReady: '这一张没有拍到，请再按一次。',

  taken: (label: string) => `刚拍的照片：${label}`,
  good: '清楚，可以发送。',
  doubts: {
    blurred: '太糊了，再近一点，拿稳再拍。',
    dark: '太暗了，换个亮的地方，或打开灯。',
    bright: '太亮了，避开直射的光。',
  } as Record<Doubt, string>,
  use: '用这张',
  useAnyway: '仍然用这张',
  again: '重拍',
  next: '下一张',
  sentAt: '已发送给客服。',
  sending: (percent: number) => `正在发送 ${percent}%`,
  waiting: '等待发送',
  holding: '网络断开了，照片已留好，恢复后自动发送。请先不要关闭页面。',
  failed: '没有发出',
  retry: '重试',
  cancelSending: '取消发送',

  skip: '跳过',
  skipTitle: (label: string) => `为什么跳过「${label}」？`,
  skipReasons: ['没有这个', '已经丢了', '现在不方便拍'],
  skipped: (reason: string) => `已跳过：${reason}`,
  skipFailed: '没能跳过，请重试。',
  cancel: '取消',

  doneTitle: '都拍好了',
  doneHelp: '客服已经能看到，会在聊天里回复您。',
  doneSending: (count: number) => `还有 ${count} 张正在发送，可以先返回聊天，但请不要关闭页面。`,
  doneFailed: (count: number) => `有 ${count} 张没有发出，点照片可以重试。`,
  over: '咨询已结束，不能再拍了。',

  code: {
    not_a_picture: '这张图打不开，请重拍。',
    too_large: '照片太大了，请重拍。',
    too_many_pixels: '照片太大了，请重拍。',
    too_many: '今天发的照片太多了，请在聊天里告诉客服。',
    conversation_closed: '咨询已结束。',
    not_found: '客服撤回了这份清单。',
  } as Record<string, string>,
}

type Words = typeof zh

const en: Words = {
  asks: (count) => (count === 1 ? 'The agent asks you for a photo' : `The agent asks you for ${count} photos`),
  asksAgain: (label) => `Please take it once more: ${label}`,
  begin: 'Start',
  goOn: (left) => `Go on, ${left} left`,
  takeAgain: 'Retake',
  look: 'See the photos',
  allTaken: (count) => (count === 1 ? 'The photo is done, thank you!' : `All ${count} are done, thank you!`),
  notTaken: 'Not taken before the conversation ended.',
  loading: 'List of photos',
  states: { wanted: 'To do', again: 'Retake', filled: 'Sent', skipped: 'Skipped' },

  screen: 'Take photos',
  back: 'Back to the chat',
  step: (place, of) => `Photo ${place} of ${of}`,
  sentences: (said) => said.map((one) => (/[。！？….!?]$/.test(one) ? one : `${one}.`)).join(' '),
  shotNow: (step, label, state) => `${step}: ${label}, ${state}`,
  shots: 'List of photos',
  askedAgain: 'The agent asks for this one again.',
  said: (note) => `The agent says: ${note}`,
  own: { tag: 'the tag', fault: 'what is wrong', whole: 'the whole item', waybill: 'the waybill', wanted: 'what the agent wants to see' },
  named: (label) => `“${label}”`,
  aim: (what, round) => `Put ${what} into the ${round ? 'circle' : 'frame'}`,
  shutter: 'Take the photo',
  starting: 'Opening the camera…',
  otherCamera: 'Switch camera',
  torchOn: 'Torch on',
  torchOff: 'Torch off',
  cameraRefused: 'The camera is not allowed here. Your phone’s own camera works just as well.',
  cameraBusy: 'Another app uses the camera. Your phone’s own camera works just as well.',
  cameraMissing: 'The camera cannot be opened here. Your phone’s own camera works just as well.',
  systemCamera: 'Use the phone’s camera',
  cameraAgain: 'Try again',
  notPicture: 'This picture cannot be opened. Take another one, or set your camera to JPEG.',
  cameraNotReady: 'That one was missed. Please press again.',

  taken: (label) => `The photo just taken: ${label}`,
  good: 'Clear, ready to send.',
  doubts: {
    blurred: 'Too blurred. Go closer and hold still.',
    dark: 'Too dark. Find a brighter place or switch a light on.',
    bright: 'Too bright. Keep out of direct light.',
  },
  use: 'Use it',
  useAnyway: 'Use it anyway',
  again: 'Retake',
  next: 'Next',
  sentAt: 'Sent to the agent.',
  sending: (percent) => `Sending, ${percent}%`,
  waiting: 'Waiting to be sent',
  holding: 'The connection is lost. The photos are kept and go out by themselves; please keep this page open.',
  failed: 'Not sent',
  retry: 'Try again',
  cancelSending: 'Do not send',

  skip: 'Skip',
  skipTitle: (label) => `Why skip “${label}”?`,
  skipReasons: ['There is none', 'It is gone', 'I cannot take it now'],
  skipped: (reason) => `Skipped: ${reason}`,
  skipFailed: 'Not skipped. Please try again.',
  cancel: 'Cancel',

  doneTitle: 'All done',
  doneHelp: 'The agent can see the photos and answers in the chat.',
  doneSending: (count) => `${count} still on the way. You may go back to the chat, but keep this page open.`,
  doneFailed: (count) => `${count} could not be sent. Tap the photo to try again.`,
  over: 'The conversation has ended. No more photos can be taken.',

  code: {
    not_a_picture: 'This picture cannot be opened. Please retake it.',
    too_large: 'The photo is too large. Please retake it.',
    too_many_pixels: 'The photo is too large. Please retake it.',
    too_many: 'Too many photos today. Please tell the agent in the chat.',
    conversation_closed: 'The conversation has ended.',
    not_found: 'The agent took the list back.',
  },
}

/** The words of guided capture: they come with its code, not with the first message. */
export const says = computed(() => (locale.value === 'en' ? en : zh))

/** What goes into the outline. A shop's own label may come with any outline, so of that only the shape is told. */
export function aimWords({ label, frame }: Pick<Shot, 'label' | 'frame'>): string {
  const { own, named, aim } = says.value
  const known = OWN.get(label)
  return aim(known ? own[known] : named(label), frame === 'detail')
}

/** Why a picture did not go out. */
export const refusalWords = (code: string): string => says.value.code[code] ?? codeWords(code)
