import { readError, Refusal } from '@livedesk/protocol'

/** An answer with the server's clock as of it, when the server said (Date has seconds). */
export interface Answer<T> {
  readonly body: T
  readonly serverTime: number | null
}

export type Fetch = (path: string, init?: RequestInit) => Promise<Response>

/** One HTTP request to the desk. Rejects with a `Refusal`: the server's, or `offline`. */
export async function ask<T>(fetch: Fetch, path: string, init: RequestInit = {}): Promise<Answer<T>> {
  let response: Response
  let body: unknown
  try {
    response = await fetch(path, { credentials: 'omit', cache: 'no-store', ...init })
    body = await response.json().catch(() => null)
  } catch {
    throw new Refusal('offline', 'The desk cannot be reached.')
  }
  if (!response.ok) {
    const said = readError((body as { error?: unknown } | null)?.error)
    // A proxy's own page: what is behind it may be back in a moment.
    throw said ?? new Refusal(response.status >= 500 ? 'retry' : 'malformed', `HTTP ${response.status}`)
  }
  const date = Date.parse(response.headers.get('Date') ?? '')
  return { body: body as T, serverTime: Number.isNaN(date) ? null : date }
}

export const postJson = (payload: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(payload),
})
