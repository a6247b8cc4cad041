/** The tab's title: how many buyers are owed a reply, or that the connection is gone. */

const NAME = 'livedesk'

export function titleFor(owed: number, connected: boolean, where: string): string {
  const page = where === '' ? NAME : `${where} · ${NAME}`
  if (!connected) return `⚠ ${page}`
  return owed > 0 ? `(${owed > 99 ? '99+' : owed}) ${page}` : page
}
