/** Part of a message: plain words, or an address that may be followed. */
export type Part = { readonly text: string; readonly href?: string }

const ADDRESS = /https?:\/\/[^\s<>"'“”‘’，。！？、；：（）【】《》]+/g
/** Punctuation that ends a sentence rather than an address. */
const TRAILING = /[.,!?;:)\]}]+$/

/** Cuts a text into words and http(s) addresses. Nothing else ever becomes a link. */
export function parts(text: string): Part[] {
  const found: Part[] = []
  let from = 0
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(TRAILING, '')
    const href = safeHref(address)
    if (href === null) continue
    if (match.index > from) found.push({ text: text.slice(from, match.index) })
    found.push({ text: address, href })
    from = match.index + address.length
  }
  if (from < text.length || found.length === 0) found.push({ text: text.slice(from) })
  return found
}

/** The address if a browser would go to an http(s) page with it, else null. */
export function safeHref(address: string): string | null {
  try {
    const url = new URL(address)
    return /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' ? url.href : null
  } catch {
    return null
  }
}

/** A picture's address: the desk's own or http(s). */
export function safePicture(address: string | null | undefined, base: string): string | null {
  if (!address) return null
  try {
    const url = new URL(address, base)
    return /^https?:$/.test(url.protocol) ? url.href : null
  } catch {
    return null
  }
}

/** Whether this key press ends an input method's choice rather than the message. */
export const isComposing = (event: KeyboardEvent): boolean => event.isComposing || event.keyCode === 229

/** Money in the currency's smallest unit, as people of that locale write it. */
export function money(cents: number, currency: string, locale: string): string {
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
  return new Intl.NumberFormat(locale, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' }).format(
    cents / 10 ** digits,
  )
}

/** 754 000 ms of a stream as 12:34, an hour more as 1:12:34. */
export function streamTime(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const hours = Math.floor(seconds / 3_600)
  const minutes = Math.floor(seconds / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${two(minutes)}:${two(seconds % 60)}`
}

/** When a message was: the time, with the day once it is not today's. */
export function moment(at: number, now: number, locale: string, yesterday: string): string {
  const day = (time: number): number => new Date(time).setHours(0, 0, 0, 0)
  const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hour12: false }).format(at)
  const days = Math.round((day(now) - day(at)) / 86_400_000)
  if (days === 0) return clock
  if (days === 1) return `${yesterday} ${clock}`
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear()
  const date = new Intl.DateTimeFormat(locale, {
    month: 'short',
    day: 'numeric',
    ...(sameYear ? {} : { year: 'numeric' }),
  }).format(at)
  return `${date} ${clock}`
}
