import type { Failure } from '../refusal.ts'
import type { Call, Participant, QualityChanged, Track } from '../wire.ts'

export type Role = Participant['role']

/**
 * What this page does for a call. `joining`: its first leg is being opened. `up`: media of its leg can flow.
 * `lost`: it opens another leg. `elsewhere`: another page or device of the same person carries the call.
 * `refused`: the server said no (`refusal`); `join` tries again.
 */
type LegState = 'joining' | 'up' | 'lost' | 'elsewhere' | 'refused'

/** This page's part in a call. */
export interface Part {
  readonly callId: string
  readonly leg: LegState
  readonly legId: string | null
  /** Whose sound and picture come on which line. */
  readonly tracks: readonly Track[]
  readonly refusal: Failure | null
}

/** All that is known of calls here. Immutable: a changed one is another object. */
export interface CallsState {
  /**
   * How far the server's clock is ahead of this device's, in ms: the most that an answer said since the last
   * loading, as an answer that was on its way for long says too little. Null: none did.
   */
  readonly ahead: number | null
  /** Living calls, and ended ones until they are dismissed; the one that rang first is first. */
  readonly calls: readonly Call[]
  /** The one call in which this page has, or wants, media. */
  readonly part: Part | null
  /** Whom one is in a call, where it is known better than by one's side (a supervisor, a guest). */
  readonly own: Readonly<Record<string, string>>
}

export const NO_CALLS: CallsState = { ahead: null, calls: [], part: null, own: {} }

export type CallsAction =
  /** All living calls, as asked for at a time when `asked` were known. */
  | { type: 'loaded'; ahead: number; calls: readonly Call[]; asked: readonly string[] }
  | { type: 'told'; call: Call; ahead?: number }
  | { type: 'quality'; change: QualityChanged }
  | { type: 'own'; callId: string; participantId: string }
  | { type: 'part'; part: Part }
  | { type: 'leg'; callId: string; change: Partial<Omit<Part, 'callId'>> }
  | { type: 'left'; callId: string }
  | { type: 'dismissed'; callId: string }

/** The next state. One that changes nothing is the very same object. */
export function after(state: CallsState, action: CallsAction): CallsState {
  switch (action.type) {
    case 'loaded': {
      const living = new Set(action.calls.map((call) => call.call_id))
      let next: CallsState = { ...state, ahead: action.ahead }
      // What was known when the question left and is not in the answer has ended without our hearing it.
      for (const call of state.calls) {
        if (call.state === 'ended' || living.has(call.call_id) || !action.asked.includes(call.call_id)) continue
        next = withCall(next, { ...call, state: 'ended', reason: null })
      }
      for (const call of action.calls) next = told(next, call)
      return next
    }
    case 'told':
      return told(action.ahead === undefined ? state : { ...state, ahead: Math.max(state.ahead ?? -Infinity, action.ahead) }, action.call)
    case 'quality':
      return rated(state, action.change)
    case 'own':
      if (state.own[action.callId] === action.participantId) return state
      return { ...state, own: { ...state.own, [action.callId]: action.participantId } }
    case 'part':
      return { ...state, part: action.part }
    case 'leg':
      if (state.part?.callId !== action.callId) return state
      return { ...state, part: { ...state.part, ...action.change } }
    case 'left':
      return state.part?.callId === action.callId ? { ...state, part: null } : state
    case 'dismissed': {
      const { [action.callId]: _, ...own } = state.own
      const calls = state.calls.filter((call) => call.call_id !== action.callId)
      return { ...state, own, calls, part: state.part?.callId === action.callId ? null : state.part }
    }
  }
}

function told(state: CallsState, call: Call): CallsState {
  const known = state.calls.find((one) => one.call_id === call.call_id)
  if (!known) return call.state === 'ended' ? state : withCall(state, call)
  if (known.state === 'ended' || call.revision <= known.revision) return state
  return withCall(state, { ...call, participants: call.participants.map((one) => levelKept(one, known)) })
}

/** Levels are told apart from the call; a newer call without them leaves them as they were. */
function levelKept(one: Participant, known: Call): Participant {
  const before = known.participants.find((other) => other.participant_id === one.participant_id)
  return { ...one, level: one.level ?? before?.level ?? null, step: one.step ?? before?.step ?? null }
}

function withCall(state: CallsState, call: Call): CallsState {
  const others = state.calls.filter((one) => one.call_id !== call.call_id)
  const calls = [...others, call].sort((one, other) => one.rang_at - other.rang_at)
  const over = call.state === 'ended' && state.part?.callId === call.call_id
  return { ...state, calls, part: over ? null : state.part }
}

function rated(state: CallsState, change: QualityChanged): CallsState {
  const call = state.calls.find((one) => one.call_id === change.call_id)
  if (!call?.participants.some((one) => one.participant_id === change.participant_id)) return state
  const participants = call.participants.map((one) =>
    one.participant_id === change.participant_id ? { ...one, level: change.level, step: change.step } : one,
  )
  return withCall(state, { ...call, participants })
}

/**
 * Where one stands in a call, in one word.
 *
 * `calling`: it rings at the other side. `ringing`: it rings here. `away`: one is in it, but not with this
 * page: `join` goes on. `joining`: this page's media is on its way. `connecting`: ours is there, the other
 * side's is not yet. `connected`. `reconnecting`: our own media is lost, another leg is opened. `interrupted`:
 * the other side's media is lost; he is waited for. `waiting`: the agent was lost, the next one is to come.
 * `elsewhere`: another page or device of ours carries it. `refused`: this page may not join, see
 * `part.refusal`. `outside`: one has no part in it (a supervisor before he listens). `ended`.
 */
export type Phase =
  | 'calling'
  | 'ringing'
  | 'away'
  | 'joining'
  | 'connecting'
  | 'connected'
  | 'reconnecting'
  | 'interrupted'
  | 'waiting'
  | 'elsewhere'
  | 'refused'
  | 'outside'
  | 'ended'

/** One's own part in a call: the one that is known, or that of one's side. */
export function meIn(call: Call, ownId: string | null, side: Role): Participant | null {
  const own = call.participants.find((one) => one.participant_id === ownId)
  if (own && own.state !== 'left') return own
  return call.participants.find((one) => one.role === side && one.state !== 'left') ?? own ?? null
}

export function phaseOf({ part }: CallsState, call: Call, me: Participant | null): Phase {
  if (call.state === 'ended') return 'ended'
  if (!me || me.state === 'left') return 'outside'
  if (call.state === 'ringing') return me.role === call.invited_by ? 'calling' : 'ringing'
  if (part?.callId !== call.call_id) {
    // The next agent is rung in a call that has been answered long ago.
    return call.state === 'waiting' && me.role === 'agent' && me.state === 'invited' ? 'ringing' : 'away'
  }
  switch (part.leg) {
    case 'joining':
      return 'joining'
    case 'lost':
      return 'reconnecting'
    case 'elsewhere':
    case 'refused':
      return part.leg
    case 'up':
      return withOthers(call, me)
  }
}

function withOthers(call: Call, me: Participant): Phase {
  if (call.state === 'waiting') return 'waiting'
  if (call.state === 'answered') return 'connecting'
  const sides: readonly Role[] = me.role === 'buyer' ? ['agent'] : me.role === 'agent' ? ['buyer'] : ['buyer', 'agent']
  const lost = call.participants.some((one) => sides.includes(one.role) && one.state === 'reconnecting')
  return lost ? 'interrupted' : 'connected'
}
