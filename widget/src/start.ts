import type { Place } from './messages.ts'

/** How the app was opened: inside a merchant's page, or as a page of its own. */
export interface Start {
  readonly mode: 'frame' | 'page'
  readonly shop: string
  /** The origin of the page around us; null on a page of our own. */
  readonly parent: string | null
  readonly place: Place
  /** A signed identity from the fragment, or a one-time code from the query. */
  readonly identity: string | null
  readonly code: string | null
  readonly locale: string | null
}

const ID = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/
const id = (value: string | null): string | undefined => (value !== null && ID.test(value) ? value : undefined)

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part)
  } catch {
    return null
  }
}

/** Reads the address. What has the wrong form is as if it were not there. */
export function readStart(url: URL): Start {
  const { searchParams: query } = url
  const first = /^\/c\/([^/]+)\/?$/.exec(url.pathname)
  const position = Number(query.get('position'))
  const topic = (query.get('topic') ?? '').trim().slice(0, 200)
  const place: Place = {
    ...optional('order', id(query.get('order'))),
    ...optional('product', id(query.get('product'))),
    ...optional('liveSession', id(query.get('session'))),
    ...optional('positionMs', query.has('position') && Number.isInteger(position) && position >= 0 ? position : undefined),
    ...optional('topic', topic || undefined),
  }
  return {
    mode: first ? 'page' : 'frame',
    shop: id(first ? decoded(first[1]!) : query.get('shop')) ?? '',
    parent: first ? null : exactOrigin(query.get('parent')),
    place,
    identity: first ? new URLSearchParams(url.hash.slice(1)).get('identity') : null,
    code: first ? query.get('code') : null,
    locale: query.get('locale'),
  }
}

/** The same address without what must not stay in a history, a bookmark or a screenshot. */
export function withoutSecrets(url: URL): string {
  const clean = new URL(url)
  clean.hash = ''
  clean.searchParams.delete('code')
  return clean.pathname + clean.search
}

function exactOrigin(value: string | null): string | null {
  if (value === null) return null
  try {
    return new URL(value).origin === value && /^https?:/.test(value) ? value : null
  } catch {
    return null
  }
}

function optional<K extends keyof Place>(key: K, value: Place[K] | undefined): Partial<Place> {
  return value === undefined ? {} : { [key]: value }
}
