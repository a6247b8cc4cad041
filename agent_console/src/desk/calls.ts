/** What a call means to who looks at it, in words that the screen has sentences for. Pure. */

import type { Call, Participant } from '@livedesk/protocol'
import type { Figures } from '@livedesk/protocol/CallClient.ts'
import { GRADES } from '@livedesk/protocol/call/quality.ts'

/** The one of this role who has not left. */
export function the(call: Call, role: Participant['role']): Participant | null {
  return call.participants.find((one) => one.role === role && one.state !== 'left') ?? null
}

/** His media is there, or he is waited for; not who was only asked to come. */
export const present = ({ state }: Participant): boolean => state === 'joined' || state === 'reconnecting'

/** Whole seconds until a moment of the server's clock, never below none. */
export const secondsUntil = (at: number, now: number): number => Math.max(0, Math.ceil((at - now) / 1000))

/** What the recording means to somebody who looks at the call. */
export type RecordingWord = 'on' | 'ask' | 'waits' | 'refused' | 'withdrawn' | 'failed' | 'off'

/**
 * In one word: on; ask: I have not said; waits: others have not said; refused or withdrawn by somebody;
 * failed: it stopped for good; off: it has not begun and nobody is to be asked now.
 */
export function recordingWord(call: Call, me: string | null): RecordingWord {
  const { state, code } = call.recording
  if (state === 'on') return 'on'
  if (state === 'stopped') return 'failed'
  if (code === 'withdrawn' || code === 'refused') return code
  if (call.state !== 'connected') return 'off'
  const mine = call.participants.find((one) => one.participant_id === me)
  if (mine?.consent === 'unasked' && (mine.role !== 'supervisor' || mine.mode === 'barge')) return 'ask'
  return 'waits'
}

/** Whose word on the recording is missing, beside one's own. */
export function unasked(call: Call, me: string | null): Participant[] {
  return call.participants.filter(
    (one) => one.participant_id !== me && one.consent === 'unasked' && present(one) && (one.role !== 'supervisor' || one.mode === 'barge'),
  )
}

/** How long the call has lasted; null before media came. */
export function lasted(call: Call, now: number): number | null {
  const from = call.connected_at ?? null
  return from === null ? null : Math.max(0, (call.ended_at ?? now) - from)
}

/** The sentence that says why a call is over; null while it is not. Who is called is who declines. */
export function overPhrase(reason: Call['reason'] | undefined, invitedBy: Call['invited_by']): string | null {
  if (reason == null) return null
  return reason === 'declined' ? `call.ended.declinedBy.${invitedBy === 'buyer' ? 'agent' : 'buyer'}` : `call.ended.reason.${reason}`
}

// Quality ------------------------------------------------------------------------------------------------

/** What is wrong with a connection, the worst first, and how much of it. */
export type Trouble =
  | { readonly what: 'loss'; readonly percent: number }
  | { readonly what: 'delay' | 'jitter'; readonly ms: number }
  | { readonly what: 'frozen' }
  | { readonly what: 'slow'; readonly kbps: number }

/** From where on a person notices, where no grade depends on it: ms, kbit/s with a picture. */
const NOTICED = { jitter: 60, slow: 200 } as const

export function trouble({ sent, received, roundTripMs }: Figures): Trouble | null {
  const loss = Math.max(sent.loss, received.loss)
  if (loss > GRADES.loss.fair) return { what: 'loss', percent: percent(loss) }
  if ((roundTripMs ?? 0) > GRADES.roundTripMs.fair) return { what: 'delay', ms: roundTripMs ?? 0 }
  const jitter = Math.max(sent.jitter_ms, received.jitter_ms)
  if (jitter >= NOTICED.jitter) return { what: 'jitter', ms: jitter }
  if ((received.frozen_ms ?? 0) > GRADES.frozenMs.fair) return { what: 'frozen' }
  const pictured = (received.fps ?? 0) > 0
  return pictured && received.kbps < NOTICED.slow ? { what: 'slow', kbps: received.kbps } : null
}

/** A share in whole percent; what is there at all is never none. */
export const percent = (share: number): number => (share > 0 ? Math.max(1, Math.round(share * 100)) : 0)
