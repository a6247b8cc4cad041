/** How far ahead a call may be booked. Source: `protocol/call.py`. */
export const BOOK_AHEAD_MS = 14 * 86_400_000

/** A field of kind `datetime-local` has the time of this place, without a zone. */
export function fieldTime(at: number): string {
  return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** The field's first, proposed and last time: from the next minute on, at the next full half hour but one. */
export function fieldTimes(now: number): { soonest: string; proposed: string; latest: string } {
  const half = 1_800_000
  return {
    soonest: fieldTime(now + 60_000),
    proposed: fieldTime(Math.ceil((now + half) / half) * half),
    latest: fieldTime(now + BOOK_AHEAD_MS - 60_000),
  }
}
