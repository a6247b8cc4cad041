/** Which cases a list shows, and who may do what with one. Pure. */

import type { CallConnection, CallStretch, CaseSummary } from '@livedesk/protocol'
import { isLead } from './model.ts'

export interface Filter {
  readonly shopId: string | null
  readonly state: 'open' | 'closed' | null
  readonly mine: boolean
  readonly search: string
}

/** Last changed first; a later word about the same case replaces the earlier one. */
export function merged(known: readonly CaseSummary[], heard: readonly CaseSummary[]): CaseSummary[] {
  const all = new Map(known.map((one) => [one.case_id, one]))
  for (const one of heard) {
    const before = all.get(one.case_id)
    if (before === undefined || one.updated_at >= before.updated_at) all.set(one.case_id, one)
  }
  return [...all.values()].sort((a, b) => b.updated_at - a.updated_at || b.number - a.number)
}

/** Whether a case that somebody changed just now belongs into the list. What is searched for only the server knows. */
export function belongs(one: CaseSummary, filter: Filter, personId: string): boolean {
  if (filter.search.trim() !== '') return false
  if (filter.shopId !== null && one.shop_id !== filter.shopId) return false
  if (filter.state !== null && one.state !== filter.state) return false
  return !filter.mine || one.holder_id === personId
}

/** Who holds a case closes it and hands it on; who leads the shop may, too. Anybody of the shop takes it and writes notes. */
export const mayLead = (one: CaseSummary, personId: string, role: string | null): boolean =>
  one.holder_id === personId || isLead(role)

/** A word for a connection, and how much of the call it was right. */
export interface Share {
  readonly level: 'good' | 'fair' | 'poor'
  readonly percent: number
}

/** How much of a call somebody's connection had which word, in whole percent, the most first; what was never is left out. */
export function sharesOf(found: CallConnection): Share[] {
  const counted = [
    { level: 'good' as const, count: found.measured - found.fair - found.poor },
    { level: 'fair' as const, count: found.fair },
    { level: 'poor' as const, count: found.poor },
  ]
  return counted
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
    .map(({ level, count }) => ({ level, percent: count === found.measured ? 100 : Math.min(99, Math.max(1, Math.round((100 * count) / found.measured))) }))
}

export type Measure = { readonly name: 'sent' | 'kbps' | 'loss' | 'jitter' | 'trip' | 'freezes' | 'rejoins'; readonly values: Record<string, number> }

/** What is worth a figure: the rates always, the others where there is something to say. */
export function measures(found: CallConnection): Measure[] {
  const tenth = (value: number) => Math.round(10 * value) / 10
  const all: (Measure | false)[] = [
    { name: 'sent', values: { kbps: found.sent_kbps } },
    { name: 'kbps', values: { kbps: found.received_kbps } },
    { name: 'loss', values: { percent: tenth(100 * found.loss) } },
    found.round_trip_ms != null && { name: 'trip', values: { ms: found.round_trip_ms } },
    { name: 'jitter', values: { ms: found.jitter_ms } },
    found.freezes > 0 && { name: 'freezes', values: { count: found.freezes, seconds: tenth(found.frozen_ms / 1000) } },
    found.rejoins > 0 && { name: 'rejoins', values: { count: found.rejoins } },
  ]
  return all.filter((one) => one !== false)
}

/** Steps of the ladder, the best first, and how high each stands in the line of a connection. */
const HEIGHTS: Record<CallStretch['step'], number> = { full: 1, low_resolution: 0.8, low_rate: 0.6, stills: 0.4, audio_only: 0.2 }

/** A stretch as it is drawn: begin and length as parts of the call, height by its step. */
export interface Drawn {
  readonly stretch: CallStretch
  readonly left: number
  readonly width: number
  readonly height: number
}

/** How a connection went, along its call. Where nothing was measured nothing is drawn. */
export function drawn(stretches: readonly CallStretch[], from: number, to: number): Drawn[] {
  const length = Math.max(1, to - from)
  const within = (at: number) => Math.min(1, Math.max(0, (at - from) / length))
  return stretches
    .map((stretch) => ({ stretch, left: within(stretch.from_at), width: within(stretch.to_at) - within(stretch.from_at), height: HEIGHTS[stretch.step] }))
    .filter(({ width }) => width > 0)
}
