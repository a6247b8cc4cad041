import type { Failure } from './refusal.ts'
import type { Card, CardRef, Open } from './wire.ts'

/** What a line says. `shown` is the card as this side knows it, to be displayed until the server's comes. */
export type LineContent =
  | { readonly kind: 'text'; readonly text: string; readonly quote_seq?: number }
  | { readonly kind: 'card'; readonly body: CardRef; readonly shown: Card | null }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'recall'; readonly seq: number }

/**
 * One thing of one's own on its way into a log.
 *
 * `pending`: will be sent (again) by itself. `sent`: stored by the server at `seq`, not yet read back.
 * `failed`: not sent; `failure` says why; it waits for `retry` or `discard`.
 */
export interface Line {
  readonly client_id: string
  /** null: the conversation that is being opened. */
  readonly conversation_id: string | null
  readonly created_at: number
  readonly content: LineContent
  /** Agents: the fence under which it was written. */
  readonly fence?: number
  readonly state: 'pending' | 'sent' | 'failed'
  readonly failure?: Failure
  /** It was sent at least once: without an answer nobody knows whether it is stored. */
  readonly tried?: true
  readonly seq?: number
  readonly sent_at?: number
}

/** The conversation one is in, and how far it was read, so that a reload comes back to it. */
export interface Cursor {
  readonly conversation_id: string
  readonly epoch: string
  readonly last_seq: number
}

/**
 * Where unsent lines, the cursor and a begun opening survive a reload. Synchronous: what `put` has
 * returned from is kept. Each item is a cell of its own, so two tabs never overwrite each other's.
 */
export interface Keep {
  /** False when it lives in memory only: leaving the page loses what is unsent. */
  readonly durable: boolean
  /** In the order in which they were written. */
  lines(): Line[]
  line(clientId: string): Line | null
  put(line: Line): void
  drop(clientId: string): void
  cursor(): Cursor | null
  setCursor(cursor: Cursor | null): void
  opening(): Open | null
  setOpening(opening: Open | null): void
  /** Forgets everything (logout). */
  wipe(): void
  /** Calls when another tab changed something. The answer ends it. */
  watch(changed: () => void): () => void
}

const byAge = (a: Line, b: Line): number => (a.client_id < b.client_id ? -1 : 1)

/** Keeps in memory: for browsers that refuse storage to a third party's frame, and for tests. */
export function memoryKeep(): Keep {
  const lines = new Map<string, Line>()
  let cursor: Cursor | null = null
  let opening: Open | null = null
  return {
    durable: false,
    lines: () => [...lines.values()].sort(byAge),
    line: (clientId) => lines.get(clientId) ?? null,
    put: (line) => void lines.set(line.client_id, line),
    drop: (clientId) => void lines.delete(clientId),
    cursor: () => cursor,
    setCursor: (to) => void (cursor = to),
    opening: () => opening,
    setOpening: (to) => void (opening = to),
    wipe: () => {
      lines.clear()
      cursor = null
      opening = null
    },
    watch: () => () => {},
  }
}

/**
 * Keeps in localStorage (or a look-alike) under `livedesk/<scope>/`. A scope is one person in one shop:
 * another person's lines on the same machine are never read, let alone sent.
 */
export function storageKeep(storage: Storage, scope: string, page: EventTarget = globalThis): Keep {
  const root = `livedesk/${scope}/`
  const lineKey = (clientId: string): string => `${root}line/${clientId}`

  const names = (prefix: string): string[] => {
    const found: string[] = []
    for (let index = 0; index < storage.length; index++) {
      const name = storage.key(index)
      if (name !== null && name.startsWith(prefix)) found.push(name)
    }
    return found
  }
  const read = <T>(name: string): T | null => {
    const text = storage.getItem(name)
    if (text === null) return null
    try {
      return JSON.parse(text) as T
    } catch {
      // Not ours, or cut off by a crash of the browser: there is nothing to save in it.
      storage.removeItem(name)
      return null
    }
  }
  const write = (name: string, value: unknown): void => {
    if (value === null) storage.removeItem(name)
    else storage.setItem(name, JSON.stringify(value))
  }

  return {
    durable: true,
    lines: () =>
      names(`${root}line/`)
        .map((name) => read<Line>(name))
        .filter((line): line is Line => line !== null && typeof line.client_id === 'string')
        .sort(byAge),
    line: (clientId) => read<Line>(lineKey(clientId)),
    put: (line) => write(lineKey(line.client_id), line),
    drop: (clientId) => write(lineKey(clientId), null),
    cursor: () => read<Cursor>(`${root}cursor`),
    setCursor: (to) => write(`${root}cursor`, to),
    opening: () => read<Open>(`${root}opening`),
    setOpening: (to) => write(`${root}opening`, to),
    wipe: () => names(root).forEach((name) => storage.removeItem(name)),
    watch: (changed) => {
      const heard = (event: Event): void => {
        const key = (event as StorageEvent).key
        if (key === null || key.startsWith(root)) changed()
      }
      page.addEventListener('storage', heard)
      return () => page.removeEventListener('storage', heard)
    },
  }
}

/**
 * The best place this browser allows: localStorage, or memory where it is refused. When storage fills
 * up or is taken away later, it goes on in memory with everything it had, and `durable` turns false.
 */
export function openKeep(scope: string, refused: () => Storage = () => globalThis.localStorage): Keep {
  let inner: Keep
  try {
    const storage = refused()
    const probe = `livedesk/${scope}/probe`
    storage.setItem(probe, '1')
    storage.removeItem(probe)
    inner = storageKeep(storage, scope)
  } catch {
    return memoryKeep()
  }
  const known = memoryKeep()
  inner.lines().forEach((line) => known.put(line))

  function guard<T>(act: (keep: Keep) => T): T {
    try {
      return act(inner)
    } catch {
      inner = known
      return act(inner)
    }
  }
  return {
    get durable() {
      return inner.durable
    },
    lines: () => guard((keep) => keep.lines()),
    line: (clientId) => guard((keep) => keep.line(clientId)),
    put: (line) => {
      known.put(line)
      guard((keep) => keep.put(line))
    },
    drop: (clientId) => {
      known.drop(clientId)
      guard((keep) => keep.drop(clientId))
    },
    cursor: () => guard((keep) => keep.cursor()),
    setCursor: (to) => {
      known.setCursor(to)
      guard((keep) => keep.setCursor(to))
    },
    opening: () => guard((keep) => keep.opening()),
    setOpening: (to) => {
      known.setOpening(to)
      guard((keep) => keep.setOpening(to))
    },
    wipe: () => {
      known.wipe()
      guard((keep) => keep.wipe())
    },
    watch: (changed) => guard((keep) => keep.watch(changed)),
  }
}
