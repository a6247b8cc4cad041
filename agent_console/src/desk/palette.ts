/** What the command palette finds: every word of the query somewhere in the entry, in few rows. */

/** More rows would be a list to read, not a jump. */
export const FOUND_MAX = 8

export function found<E extends { readonly text: string; readonly hint: string }>(entries: readonly E[], query: string): E[] {
  const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean)
  const has = (entry: E) => {
    const text = `${entry.text} ${entry.hint}`.toLocaleLowerCase()
    return words.every((word) => text.includes(word))
  }
  const starts = (entry: E) => (words[0] !== undefined && entry.text.toLocaleLowerCase().startsWith(words[0]) ? 0 : 1)
  return entries
    .filter(has)
    .sort((a, b) => starts(a) - starts(b))
    .slice(0, FOUND_MAX)
}
