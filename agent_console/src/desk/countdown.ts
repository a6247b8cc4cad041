/** The three-minute reply clock: how late an answer is, in a level (for colour) and numbers (for text). */

export const REPLY_WITHIN_MS = 180_000
/** Steps of the clock since the buyer's unanswered line: platforms count a reply as late after 3 min. */
const SOON_MS = 60_000
const URGENT_MS = 120_000

export type DebtLevel = 'calm' | 'soon' | 'urgent' | 'late'

export interface Debt {
  readonly level: DebtLevel
  /** What is left until three minutes, or how long it is past them; never negative. */
  readonly ms: number
}

/** How the reply owed since `owedSince` stands at `now` (both the server's clock). */
export function debt(owedSince: number, now: number): Debt {
  const waited = Math.max(0, now - owedSince)
  if (waited >= REPLY_WITHIN_MS) return { level: 'late', ms: waited - REPLY_WITHIN_MS }
  const level = waited >= URGENT_MS ? 'urgent' : waited >= SOON_MS ? 'soon' : 'calm'
  return { level, ms: REPLY_WITHIN_MS - waited }
}

/** `m:ss`, or `h:mm:ss` from an hour on. A countdown rounds up so that it never shows 0:00 while time is left. */
export function clock(ms: number, rounding: 'up' | 'down' = 'down'): string {
  const seconds = rounding === 'up' ? Math.ceil(ms / 1000) : Math.floor(ms / 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}
