import type { Clock } from '../clock.ts'
import type { Call, Participant } from '../wire.ts'
import type { CallBrowser } from './browser.ts'
import type { DevicesState } from './Devices.ts'
import type { Boards } from './marks.ts'
import type { Figures, Level, Step } from './quality.ts'
import type { CallSocket } from './socket.ts'
import type { Part, Phase } from './state.ts'

/** A call, seen from here. */
export interface CallView {
  readonly call: Call
  readonly phase: Phase
  /** null where one has no part in it. */
  readonly me: Participant | null
  /** Everybody else who has not left. */
  readonly others: readonly Participant[]
  /** Until when it rings, and since when it stands, by this device's clock. */
  readonly ringUntil: number
  readonly connectedAt: number | null
}

/** The one call that this page's media is in, or is on its way to. */
export interface ActiveCall extends CallView {
  readonly part: Part
  /** Sound and picture of the others by participant: the same object until its tracks are others. */
  readonly streams: ReadonlyMap<string, MediaStream>
  /** What is drawn, by the participant on whose picture it lies. */
  readonly boards: Boards
  /** One's own connection in the last second; null before the first. */
  readonly figures: Figures | null
  readonly level: Level | null
  /** How far one's own picture has come down on a bad network. */
  readonly step: Step
}

/** All calls at one instant; a changed one is another object. */
export interface CallsView {
  /** The server has said, and not taken back, that it carries calls. */
  readonly carried: boolean
  /** The one that rang first is first. Ended ones stay until `dismiss`. */
  readonly calls: readonly CallView[]
  readonly active: ActiveCall | null
  readonly devices: DevicesState
}

export interface CallClientOptions {
  /**
   * Agents may be supervisors too: see `supervise`. A buyer's rear camera is tried first, and black goes out while
   * his page is out of sight; of others it is the front one, and it goes on.
   */
  readonly side: 'buyer' | 'agent' | 'guest'
  readonly socket: CallSocket
  readonly browser: CallBrowser
  readonly clock: Clock
  /** Agents: `(call) => own(call.conversation_id)`, since they also hear of calls they only look at. */
  readonly concerns?: (call: Call) => boolean
}
