import type { CallBrowser } from './browser.ts'

/** What lets this tab go on with a call after a reload. */
export interface Rejoin {
  readonly token: string
  readonly participantId: string
}

const keyOf = (callId: string): string => `livedesk/call/${callId}`

export function keptRejoin({ kept }: CallBrowser, callId: string): Rejoin | null {
  try {
    const text = kept?.getItem(keyOf(callId))
    return text ? (JSON.parse(text) as Rejoin) : null
  } catch {
    return null
  }
}

/** null forgets it. Where storage is refused, one is asked after a reload whether to move the call here. */
export function keepRejoin({ kept }: CallBrowser, callId: string, rejoin: Rejoin | null): void {
  try {
    if (rejoin) kept?.setItem(keyOf(callId), JSON.stringify(rejoin))
    else kept?.removeItem(keyOf(callId))
  } catch {
    // Nothing is lost but the convenience.
  }
}
