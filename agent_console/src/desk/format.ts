/** Times and money as people read them. Pure: language, clock and time zone come as arguments. */

import type { Language } from '../stores/settings.ts'

const cache = new Map<string, Intl.DateTimeFormat>()

function format(language: Language, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options)
  let found = cache.get(key)
  if (found === undefined) cache.set(key, (found = new Intl.DateTimeFormat(language, { hourCycle: 'h23', ...options })))
  return found
}

export const timeOfDay = (at: number, language: Language) => format(language, { hour: '2-digit', minute: '2-digit' }).format(at)

export const timeWithSeconds = (at: number, language: Language) =>
  format(language, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(at)

/** For titles (hover): the whole date and time. */
export const exact = (at: number, language: Language) =>
  format(language, { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(at)

/** One string a calendar day, to tell days apart. */
export const dayKey = (at: number) => {
  const date = new Date(at)
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`
}

/** A day's name as parts: today and yesterday are words, others a date. */
export function dayName(at: number, now: number, language: Language): 'today' | 'yesterday' | { date: string } {
  const key = dayKey(at)
  if (key === dayKey(now)) return 'today'
  const before = new Date(now)
  before.setDate(before.getDate() - 1)
  if (key === dayKey(before.getTime())) return 'yesterday'
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear()
  return {
    date: format(language, { ...(sameYear ? {} : { year: 'numeric' }), month: 'short', day: 'numeric', weekday: 'short' }).format(at),
  }
}

/** Time of day for today, a short date before that. */
export function shortMoment(at: number, now: number, language: Language): string {
  if (dayKey(at) === dayKey(now)) return timeOfDay(at, language)
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear()
  return format(language, { ...(sameYear ? {} : { year: '2-digit' }), month: 'numeric', day: 'numeric' }).format(at)
}

/** A time to come, always with its day. */
export function appointment(at: number, language: Language): string {
  return format(language, { month: 'numeric', day: 'numeric', weekday: 'short', hour: '2-digit', minute: '2-digit', hour12: false }).format(at)
}

/** From when to when, or still going on: with the day unless it is today, with seconds when minutes would not tell the ends apart. */
export function span(from: number, to: number | null, now: number, language: Language): string {
  const day = dayKey(from) === dayKey(now) ? '' : `${shortMoment(from, now, language)} `
  if (to === null) return `${day}${timeOfDay(from, language)} –`
  const write = timeOfDay(from, language) === timeOfDay(to, language) ? timeWithSeconds : timeOfDay
  return `${day}${write(from, language)} – ${write(to, language)}`
}

export type Unit = 'seconds' | 'minutes' | 'hours' | 'days'

/** A length of time in its largest whole unit. */
export function roughly(ms: number): { unit: Unit; count: number } {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return { unit: 'seconds', count: seconds }
  if (seconds < 3600) return { unit: 'minutes', count: Math.floor(seconds / 60) }
  if (seconds < 86_400) return { unit: 'hours', count: Math.floor(seconds / 3600) }
  return { unit: 'days', count: Math.floor(seconds / 86_400) }
}

/** Money in the currency's smallest unit, as its language writes it. */
export function money(cents: number, currency: string, language: Language): string {
  const form = new Intl.NumberFormat(language, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' })
  return form.format(cents / 10 ** (form.resolvedOptions().maximumFractionDigits ?? 2))
}
