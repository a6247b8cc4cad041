import type { ErrorCode } from './wire.ts'

/**
 * Reasons that no server said: `offline` (no connection, or it broke before the answer), `timeout` (no
 * answer in time, so the outcome is unknown), `expired` (an unsent line older than a day), `ended` (this
 * client was stopped), `malformed` (the answer is not an envelope).
 */
export type LocalCode = 'offline' | 'timeout' | 'expired' | 'ended' | 'malformed'

/** Why something was not done, as plain data that can be kept and shown. */
export interface Failure {
  readonly code: ErrorCode | LocalCode
  readonly message: string
}

/** A request that was answered with a code instead of a result, or not answered at all. */
export class Refusal extends Error {
  override readonly name = 'Refusal'

  constructor(
    readonly code: ErrorCode | LocalCode,
    message: string,
    readonly data: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
  }
}

/** The same request may succeed if it is simply sent again; nothing about it is wrong. */
const TRANSIENT: ReadonlySet<string> = new Set([
  'offline',
  'timeout',
  'malformed',
  'retry',
  'internal',
  'rate_limited',
])

/** The session is over, not the request: with a fresh token it can be sent again. */
const REAUTHENTICATE: ReadonlySet<string> = new Set(['session_expired', 'unauthenticated'])

export const isTransient = (code: string): boolean => TRANSIENT.has(code)
export const needsToken = (code: string): boolean => REAUTHENTICATE.has(code)

/** Anything thrown, as a refusal. */
export function asRefusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown
  return new Refusal('offline', thrown instanceof Error ? thrown.message : String(thrown))
}

/** The `{code, message, data}` of an envelope or an HTTP body, or null if it is not one. */
export function readError(error: unknown): Refusal | null {
  if (typeof error !== 'object' || error === null) return null
  const { code, message, data } = error as Record<string, unknown>
  if (typeof code !== 'string') return null
  return new Refusal(
    code as ErrorCode,
    typeof message === 'string' ? message : code,
    typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {},
  )
}

/** Turns the ack envelope `{ok, data | error}` into the result; throws the refusal. */
export function openEnvelope(answer: unknown): unknown {
  if (typeof answer === 'object' && answer !== null) {
    const { ok, data, error } = answer as Record<string, unknown>
    if (ok === true) return data
    const refusal = ok === false ? readError(error) : null
    if (refusal) throw refusal
  }
  throw new Refusal('malformed', 'The answer is not an envelope.')
}

/** `retry_after_ms` of a refusal, when the server names one. */
export function retryAfter(refusal: Refusal): number | null {
  const ms = refusal.data['retry_after_ms']
  return typeof ms === 'number' && ms >= 0 ? ms : null
}
