export type Locale = 'zh-CN' | 'en'

/** The language for a wish like `en-GB` or `zh`; null if it is neither. */
export function toLocale(wish: string | null | undefined): Locale | null {
  if (!wish) return null
  if (/^zh\b/i.test(wish)) return 'zh-CN'
  return /^en\b/i.test(wish) ? 'en' : null
}

/** The first of the reader's own languages that is spoken here; null if none is. */
export function readersLocale(wishes: readonly string[] = navigator.languages): Locale | null {
  for (const each of wishes) {
    const known = toLocale(each)
    if (known) return known
  }
  return null
}
