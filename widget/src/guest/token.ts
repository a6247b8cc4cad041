const KEY = 'livedesk/guest'
const TOKEN = /^[A-Za-z0-9_-]{20,200}$/

/**
 * The link's token. It stands in the fragment, which no server is sent; from there it goes into this tab's
 * storage, so that it stays in no history, bookmark or screenshot and a reload finds it. Where storage is
 * refused it stays where it was. null: the address has none.
 */
export function takeToken(
  url: URL,
  kept: Pick<Storage, 'getItem' | 'setItem'> | null,
  replace: (address: string) => void,
): string | null {
  const given = url.hash.slice(1)
  try {
    if (!TOKEN.test(given)) return kept?.getItem(KEY) ?? null
    if (kept) {
      kept.setItem(KEY, given)
      replace(url.pathname + url.search)
    }
  } catch {
    // Refused: the address keeps it.
  }
  return TOKEN.test(given) ? given : null
}
