import type { Clock } from './clock.ts'
import type { FileLinks, LinkFiles } from './wire.ts'

/** An address is used this long; the server gives it a minute more. */
export const LINK_USED_MS = 4 * 60_000
/** Files asked for in one call (LINKS_A_CALL of the wire). */
const AT_ONCE = 50

/** Addresses of files, asked for together and kept as long as they are good. */
export class FileAddresses {
  private readonly kept = new Map<string, { url: Promise<string>; until: number }>()
  private wanted: { id: string; give: (url: string) => void; refuse: (why: unknown) => void }[] = []

  constructor(
    private readonly ask: (fileIds: LinkFiles['file_ids']) => Promise<FileLinks>,
    private readonly clock: Clock,
  ) {}

  /** The address of a file. Rejects with the `Refusal` when it is not to be had. */
  urlOf(id: string): Promise<string> {
    const known = this.kept.get(id)
    if (known && known.until > this.clock.now()) return known.url
    const url = new Promise<string>((give, refuse) => {
      this.wanted.push({ id, give, refuse })
    })
    this.kept.set(id, { url, until: this.clock.now() + LINK_USED_MS })
    url.catch(() => this.forget(id))
    if (this.wanted.length === 1) queueMicrotask(() => this.flush())
    return url
  }

  /** The address did not work: the next wish asks anew. */
  forget(id: string): void {
    this.kept.delete(id)
  }

  private flush(): void {
    const all = this.wanted
    this.wanted = []
    for (let from = 0; from < all.length; from += AT_ONCE) void this.fetch(all.slice(from, from + AT_ONCE))
  }

  private async fetch(wishes: typeof this.wanted): Promise<void> {
    try {
      const { links } = await this.ask(wishes.map((wish) => wish.id) as LinkFiles['file_ids'])
      const urls = new Map(links.map((link) => [link.file_id, link.url]))
      for (const wish of wishes) wish.give(urls.get(wish.id)!)
    } catch (thrown) {
      for (const wish of wishes) wish.refuse(thrown)
    }
  }
}
