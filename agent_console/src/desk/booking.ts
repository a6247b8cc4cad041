/** Calls that are booked for a time. Pure. */

import type { BookingEntry, PublicEntry } from '@livedesk/protocol'
import { BOOK_AHEAD_MS } from '@livedesk/protocol/call/booking.ts'

export const BOOK_AHEAD_DAYS = BOOK_AHEAD_MS / 86_400_000

/** The booking that stands: the last word about one, and its time is to come. */
export function booked(entries: readonly PublicEntry[], now: number): BookingEntry | null {
  for (let place = entries.length - 1; place >= 0; place--) {
    const entry = entries[place]!
    if (entry.kind === 'booking') return entry.happened === 'booked' && entry.at > now ? entry : null
  }
  return null
}

/** Why a call cannot be booked for what a field of kind `datetime-local` holds; null when it can. */
export function unbookable(field: string, now: number): 'missing' | 'outside' | null {
  const at = new Date(field).getTime()
  if (Number.isNaN(at)) return 'missing'
  return at < now || at > now + BOOK_AHEAD_MS ? 'outside' : null
}
