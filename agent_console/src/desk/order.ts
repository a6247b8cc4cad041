/** Which rows a tab shows, and in which order; rows never move under the pointer or the selection. */

import type { Summary } from '@livedesk/protocol'
import type { DeskState, Tab } from './model.ts'

/** The rows of a tab in the order in which they should be served. */
export function rowsOf(state: DeskState, tab: Tab, shopId: string | null = null): Summary[] {
  const rows = Object.values(state.rows).filter((row) => shopId === null || row.shop_id === shopId)
  switch (tab) {
    case 'mine':
      return rows
        .filter((row) => row.state === 'open' && row.owner_id === state.desk.person_id)
        .sort(byDebt)
    case 'waiting':
      return rows
        .filter((row) => row.state === 'open' && (row.line === 'waiting' || row.line === 'offered'))
        .sort((a, b) => (a.waiting_since ?? a.opened_at) - (b.waiting_since ?? b.opened_at) || byId(a, b))
    case 'all':
      return rows.sort((a, b) => b.opened_at - a.opened_at || byId(a, b))
  }
}

/** Owed a reply longest first; then those who wait for nothing, the newest first. */
export function byDebt(a: Summary, b: Summary): number {
  const [owedA, owedB] = [a.owed_since ?? null, b.owed_since ?? null]
  if (owedA !== null && owedB !== null) return owedA - owedB || byId(a, b)
  if (owedA !== null) return -1
  if (owedB !== null) return 1
  return b.opened_at - a.opened_at || byId(a, b)
}

const byId = (a: Summary, b: Summary) => (a.conversation_id < b.conversation_id ? -1 : 1)

/** The conversation to go to next: owed longest, and not the one already open. */
export function mostUrgent(state: DeskState, openId: string | null): string | null {
  const owed = rowsOf(state, 'mine').filter((row) => (row.owed_since ?? null) !== null)
  return (owed.find((row) => row.conversation_id !== openId) ?? owed[0])?.conversation_id ?? null
}

/**
 * The order to show, given the order wanted and the order shown a moment ago.
 *
 * While the pointer is over the list (`frozen`) nothing moves and nothing goes: new rows come at the end,
 * and a row that left the tab keeps its place until the pointer has gone. Otherwise only the selected row
 * is held where it is, and the others are put in order around it.
 */
export function arrange(
  wanted: readonly string[],
  shown: readonly string[],
  held: { readonly frozen: boolean; readonly selected: string | null },
): string[] {
  if (held.frozen && shown.length > 0) {
    const known = new Set(shown)
    return [...shown, ...wanted.filter((id) => !known.has(id))]
  }
  const selected = held.selected
  const place = selected === null ? -1 : shown.indexOf(selected)
  if (selected === null || place < 0) return [...wanted]
  const others = wanted.filter((id) => id !== selected)
  return [...others.slice(0, place), selected, ...others.slice(place)]
}

/** The neighbour of the selection for `J` (+1) and `K` (−1); the first row when nothing is selected. */
export function neighbour(shown: readonly string[], selected: string | null, step: 1 | -1): string | null {
  if (shown.length === 0) return null
  const place = selected === null ? -1 : shown.indexOf(selected)
  if (place < 0) return (step === 1 ? shown[0] : shown[shown.length - 1]) ?? null
  return shown[Math.min(shown.length - 1, Math.max(0, place + step))] ?? null
}
