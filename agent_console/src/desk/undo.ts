/** Closing is sent five seconds after it was said, and can be taken back until then. */

export const UNDO_MS = 5_000

export interface PendingClose {
  readonly conversationId: string
  /** The command's client id, made when the agent said "close": a retry is the same close. */
  readonly clientId: string
  readonly fence: number
  readonly dueAt: number
}

export type PendingCloses = readonly PendingClose[]

/** Adds a close; saying it twice changes nothing. */
export function scheduled(pending: PendingCloses, close: PendingClose): PendingCloses {
  return pending.some((other) => other.conversationId === close.conversationId) ? pending : [...pending, close]
}

export function undone(pending: PendingCloses, conversationId: string): PendingCloses {
  return pending.filter((close) => close.conversationId !== conversationId)
}

/** The closes to send now, and those that still can be taken back. */
export function due(pending: PendingCloses, now: number): { ready: PendingCloses; waiting: PendingCloses } {
  return {
    ready: pending.filter((close) => close.dueAt <= now),
    waiting: pending.filter((close) => close.dueAt > now),
  }
}

/** Whole seconds to show. A ticking clock lags behind the moment of the click: never more than there were. */
export function secondsLeft(close: PendingClose, now: number): number {
  return Math.min(UNDO_MS / 1000, Math.max(0, Math.ceil((close.dueAt - now) / 1000)))
}
