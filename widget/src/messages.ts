/**
 * Everything that the merchant's page (the loader) and the frame say to each other, once.
 *
 * Each is `{livedesk: <name>, …}`, sent with an exact target origin and accepted only from the exact
 * origin and window of the other; what does not have the declared shape is dropped without a word.
 */

/** Where the buyer stands on the merchant's page. Ids as in the merchant's catalogue. */
export interface Place {
  liveSession?: string
  product?: string
  order?: string
  /** How far into the stream he is, in ms since its start. */
  positionMs?: number
  topic?: string
}

/**
 * hidden: nothing to see. pill: the entry with the unread count. sheet: the conversation (on a desktop a
 * panel). tile: a call beside the stream. full: the whole page.
 */
export type Size = 'hidden' | 'pill' | 'sheet' | 'tile' | 'full'
export const SIZES: readonly Size[] = ['hidden', 'pill', 'sheet', 'tile', 'full']

export type Theme = 'light' | 'dark'

/** What a call does to the stream's sound: nothing (we have no hold of it), turns it down, or off. */
export type Ducking = '' | 'down' | 'off'

/** What one may listen to on `LiveDesk.on`. */
export const EVENTS = ['ready', 'unread', 'message', 'queue', 'call', 'duck', 'identity-needed'] as const
export type EventName = (typeof EVENTS)[number]

/** One finding of `debug()`: what was looked at, whether it is well, and what to do if not. */
export interface Finding {
  check: string
  ok: boolean
  say: string
}

export type ToFrame =
  /** The answer to `ready`. `own`: the page has an entry of its own, so there is no pill. `inCall`: a call was on
   *  when the page was left. */
  | { livedesk: 'welcome'; locale: string; theme: Theme; phone: boolean; own: boolean; signed: boolean; inCall: boolean }
  /** Whether the page can say who the buyer is; again when it is somebody else. */
  | { livedesk: 'signed'; signed: boolean }
  | { livedesk: 'open'; place: Place }
  | { livedesk: 'close' }
  /** The answer to `identity-wanted`. null: nobody is signed in. */
  | { livedesk: 'identity'; token: string | null }
  | { livedesk: 'logout' }
  | { livedesk: 'locale'; locale: string }
  | { livedesk: 'look'; theme: Theme; phone: boolean }
  /** What may be done with the page's player: with its sound, and whether it can change its place. */
  | { livedesk: 'player'; sound: Ducking; swaps: boolean }
  | { livedesk: 'debug' }

export type FromFrame =
  | { livedesk: 'ready' }
  /** Of a pill also how large it is, in CSS pixels. */
  | { livedesk: 'size'; size: Size; width: number; height: number }
  /** The pill was tapped; the page knows where the buyer stands and answers with `open`. */
  | { livedesk: 'entered' }
  | { livedesk: 'identity-wanted' }
  | { livedesk: 'event'; name: EventName; detail: unknown }
  /** The tile is under a finger, so far from where it was taken; `done`: let go of. */
  | { livedesk: 'drag'; x: number; y: number; done: boolean }
  /** The stream's sound, of 1; and whether it changes places with the call. */
  | { livedesk: 'duck'; volume: number; swap: boolean }
  /** How many lines a reload would lose. */
  | { livedesk: 'unsaved'; lines: number }
  | { livedesk: 'report'; findings: Finding[] }

type Fields = Record<string, (value: unknown) => boolean>

const isText = (value: unknown): boolean => typeof value === 'string' && value.length <= 4_096
const isFlag = (value: unknown): boolean => typeof value === 'boolean'
const isNumber = (value: unknown): boolean => typeof value === 'number' && Math.abs(value) < 1e15
const isCount = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value < 1e15
const isTheme = (value: unknown): boolean => value === 'light' || value === 'dark'
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

export const isPlace = (value: unknown): value is Place =>
  isObject(value) &&
  Object.keys(value).every((key) => {
    const part = value[key]
    if (part === undefined) return true
    if (key === 'positionMs') return isCount(part)
    return ['liveSession', 'product', 'order', 'topic'].includes(key) && isText(part) && part !== ''
  })

const TO_FRAME: Record<ToFrame['livedesk'], Fields> = {
  welcome: { locale: isText, theme: isTheme, phone: isFlag, own: isFlag, signed: isFlag, inCall: isFlag },
  signed: { signed: isFlag },
  open: { place: isPlace },
  close: {},
  identity: { token: (value) => value === null || isText(value) },
  logout: {},
  locale: { locale: isText },
  look: { theme: isTheme, phone: isFlag },
  player: { sound: (value) => value === '' || value === 'down' || value === 'off', swaps: isFlag },
  debug: {},
}

const FROM_FRAME: Record<FromFrame['livedesk'], Fields> = {
  ready: {},
  size: { size: (value) => SIZES.includes(value as Size), width: isCount, height: isCount },
  entered: {},
  'identity-wanted': {},
  event: { name: (value) => EVENTS.includes(value as EventName), detail: () => true },
  drag: { x: isNumber, y: isNumber, done: isFlag },
  duck: { volume: isCount, swap: isFlag },
  unsaved: { lines: isCount },
  report: {
    findings: (value) =>
      Array.isArray(value) && value.every((one) => isObject(one) && isText(one['check']) && isText(one['say'])),
  },
}

function read<M>(shapes: Record<string, Fields>, data: unknown): M | null {
  if (!isObject(data) || typeof data['livedesk'] !== 'string') return null
  const name = data['livedesk']
  const fields = Object.prototype.hasOwnProperty.call(shapes, name) ? shapes[name] : undefined
  return fields && Object.keys(fields).every((key) => fields[key]!(data[key])) ? (data as unknown as M) : null
}

/** What the merchant's page said, or null if it is nothing of ours. */
export const readToFrame = (data: unknown): ToFrame | null => read<ToFrame>(TO_FRAME, data)
/** What the frame said, or null if it is nothing of ours. */
export const readFromFrame = (data: unknown): FromFrame | null => read<FromFrame>(FROM_FRAME, data)
