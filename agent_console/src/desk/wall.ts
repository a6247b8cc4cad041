/** The wall's order and sums. */

import type { Wall, WallGroup } from '@livedesk/protocol'

/** Breaches rise to the top: who waits longest first, then who has more waiting, then by name. */
export function byNeed(groups: readonly WallGroup[]): WallGroup[] {
  return [...groups].sort(
    (a, b) => b.longest_wait_ms - a.longest_wait_ms || b.waiting - a.waiting || a.name.localeCompare(b.name),
  )
}

export interface Totals {
  readonly waiting: number
  readonly inService: number
  readonly longest: number
  readonly ready: number
}

/** One who serves two groups is one ready agent, so those are counted by seat. */
export function totals(wall: Wall): Totals {
  return {
    waiting: wall.groups.reduce((sum, group) => sum + group.waiting, 0),
    inService: wall.groups.reduce((sum, group) => sum + group.in_service, 0),
    longest: wall.groups.reduce((most, group) => Math.max(most, group.longest_wait_ms), 0),
    ready: wall.seats.filter((seat) => seat.state === 'ready' && seat.connected).length,
  }
}
