/** What stands between a key press and a message to the wrong buyer. */

/** A text sent this soon after switching was most likely meant for the conversation before. */
export const GUARD_MS = 1_000

export interface Guard {
  readonly conversationId: string
  readonly switchedAt: number
  /** The question was put once; the next send goes through. */
  readonly asked: boolean
}

export function switchedTo(conversationId: string, now: number): Guard {
  return { conversationId, switchedAt: now, asked: false }
}

/** Whether to send or to ask first. The first conversation after sign-in has no one to be confused with. */
export function maySend(guard: Guard | null, now: number): 'send' | 'ask' {
  if (guard === null || guard.asked) return 'send'
  return now - guard.switchedAt < GUARD_MS ? 'ask' : 'send'
}

/** Whether this key press means "send": Enter alone, and never inside an input method's composition. */
export function isSendKey(event: Pick<KeyboardEvent, 'key' | 'keyCode' | 'isComposing' | 'shiftKey' | 'altKey'>): boolean {
  if (event.isComposing || event.keyCode === 229) return false
  return event.key === 'Enter' && !event.shiftKey && !event.altKey
}
