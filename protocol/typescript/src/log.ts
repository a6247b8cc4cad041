import type { Marks, PublicEntry } from './wire.ts'

/**
 * One log as far as it is known: `entries[i].seq === i + 1`, always; `held` waits for what is missing
 * before it. Pure data; every function returns a new value or the same one if nothing changed.
 */
export interface Track<E extends { seq: number }> {
  readonly entries: readonly E[]
  readonly held: ReadonlyMap<number, E>
}

/** Entries that may wait behind a gap. Beyond it the nearest ones stay: the gap is fetched anyway. */
export const HELD_MAX = 500

export const emptyTrack = <E extends { seq: number }>(): Track<E> => ({ entries: [], held: new Map() })

/** The seq of the last entry, 0 before the first. */
export const lastSeq = (track: Track<{ seq: number }>): number => track.entries.length

export const withoutHeld = <E extends { seq: number }>(track: Track<E>): Track<E> =>
  track.held.size === 0 ? track : { entries: track.entries, held: new Map() }

/** Takes entries in any order, any number of times: in seq order, none twice, none before its turn. */
export function ingest<E extends { seq: number }>(track: Track<E>, arrived: readonly E[]): Track<E> {
  const last = lastSeq(track)
  const fresh = arrived.filter((entry) => entry.seq > last && !track.held.has(entry.seq))
  if (fresh.length === 0) return track
  const held = new Map(track.held)
  for (const entry of fresh) if (!held.has(entry.seq)) held.set(entry.seq, entry)
  const entries = [...track.entries]
  for (let next = held.get(entries.length + 1); next; next = held.get(entries.length + 1)) {
    entries.push(next)
    held.delete(next.seq)
  }
  if (held.size > HELD_MAX) {
    for (const seq of [...held.keys()].sort((a, b) => a - b).slice(HELD_MAX)) held.delete(seq)
  }
  return { entries, held }
}

/** The same for the public log, where a recall takes the content from the entry it names. */
export function ingestPublic(track: Track<PublicEntry>, arrived: readonly PublicEntry[]): Track<PublicEntry> {
  const grown = ingest(track, arrived)
  if (grown === track) return track
  let entries: PublicEntry[] | null = null
  for (let index = lastSeq(track); index < grown.entries.length; index++) {
    const entry = grown.entries[index]!
    if (entry.kind !== 'recall') continue
    const target = grown.entries[entry.recalled_seq - 1]
    if (target === undefined || entry.recalled_seq >= entry.seq) continue
    entries ??= [...grown.entries]
    entries[entry.recalled_seq - 1] = withoutContent(target)
  }
  return entries ? { entries, held: grown.held } : grown
}

function withoutContent(entry: PublicEntry): PublicEntry {
  if (entry.kind === 'text') return { ...entry, text: null, recalled: true }
  if (entry.kind === 'card') return { ...entry, body: null, recalled: true }
  return entry
}

export type AllMarks = Required<Marks>
export const NO_MARKS: AllMarks = { buyer_delivered: 0, buyer_read: 0, agent_delivered: 0, agent_read: 0 }

/** Marks only ever go forward. */
export function mergeMarks(known: AllMarks, told: Marks): AllMarks {
  const merged: AllMarks = {
    buyer_delivered: Math.max(known.buyer_delivered, told.buyer_delivered ?? 0),
    buyer_read: Math.max(known.buyer_read, told.buyer_read ?? 0),
    agent_delivered: Math.max(known.agent_delivered, told.agent_delivered ?? 0),
    agent_read: Math.max(known.agent_read, told.agent_read ?? 0),
  }
  return (Object.keys(merged) as (keyof AllMarks)[]).every((name) => merged[name] === known[name])
    ? known
    : merged
}

export type Side = 'buyer' | 'agent'
export type Receipt = 'sent' | 'delivered' | 'read'

/** How far one's own stored message has come on the other side. */
export function receiptOf(seq: number, marks: AllMarks, mine: Side): Receipt {
  const read = mine === 'buyer' ? marks.agent_read : marks.buyer_read
  const delivered = mine === 'buyer' ? marks.agent_delivered : marks.buyer_delivered
  if (seq <= read) return 'read'
  return seq <= delivered ? 'delivered' : 'sent'
}

/** Messages of the other side (not recalled) after what one has read. */
export function unreadOf(entries: readonly PublicEntry[], marks: AllMarks, mine: Side): number {
  const read = mine === 'buyer' ? marks.buyer_read : marks.agent_read
  const other: Side = mine === 'buyer' ? 'agent' : 'buyer'
  let count = 0
  for (let index = read; index < entries.length; index++) {
    const entry = entries[index]!
    if (entry.sender.kind !== other) continue
    if ((entry.kind === 'text' || entry.kind === 'card') && !entry.recalled) count++
    if (entry.kind === 'still' || entry.kind === 'retake') count++
  }
  return count
}
