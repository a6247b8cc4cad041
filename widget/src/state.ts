import type { ClientState, LogSnapshot, Refusal, WidgetShop } from '@livedesk/protocol'
import { shallowReactive } from 'vue'
import type { Accents } from './accent.ts'
import type { CallPart } from './call/index.ts'
import type { Capture } from './capture/index.ts'
import type { Ducking, Size, Theme } from './messages.ts'

/** What the components show. Shallow: its parts are immutable snapshots. */
export interface DeskState {
  size: Size | 'page'
  phone: boolean
  theme: Theme | null
  /** null until read. */
  shop: WidgetShop | null
  /** The shop's colour, for either theme. */
  accents: Accents | null
  /** Reading the shop was refused. */
  shopRefusal: Refusal | null
  client: ClientState | null
  log: LogSnapshot | null
  /** Opening was refused for another reason than what the buyer brought along. */
  openRefusal: Refusal | null
  /** What the buyer brought along is not known here. */
  placeUnknown: boolean
  /** His place in line went back since he last looked. */
  movedBack: boolean
  /** The visible screen: the conversation, or the earlier ones. */
  view: 'chat' | 'history' | 'capture'
  /** Which of the earlier ones is open; null: their list. */
  past: string | null
  /** The list of pictures that is being taken, and the shot to begin with. */
  shots: number | null
  firstShot: number | null
  /** Guided capture, once somebody asks for pictures. */
  capture: Capture | null
  /** Calls, once an agent is there. */
  call: CallPart | null
  /** What may be done with the page's player. */
  player: { sound: Ducking; swaps: boolean }
  unread: number
}

/** Before anything is read or said. `embedded`: there is a page around us, which says when to show something. */
export function stateAtFirst(embedded: boolean): DeskState {
  return shallowReactive<DeskState>({
    size: embedded ? 'hidden' : 'page',
    phone: true,
    theme: null,
    shop: null,
    accents: null,
    shopRefusal: null,
    client: null,
    log: null,
    openRefusal: null,
    placeUnknown: false,
    movedBack: false,
    view: 'chat',
    past: null,
    shots: null,
    firstShot: null,
    capture: null,
    call: null,
    player: { sound: '', swaps: false },
    unread: 0,
  })
}
