import type { PublicEntry, RetakeEntry, Shot, SkippedEntry, StillEntry } from './wire.ts'

/** `wanted`: not taken yet. `again`: the agent asked for it once more; the earlier still is kept. */
export type ShotState = 'wanted' | 'filled' | 'skipped' | 'again'

export interface ShotProgress extends Shot {
  readonly state: ShotState
  /** The newest still in this place. */
  readonly still: StillEntry | null
  /** Why it was skipped. */
  readonly reason: string | null
  /** What the agent said when he asked for it again. */
  readonly note: string | null
}

export interface ShotList {
  readonly seq: number
  readonly shots: readonly ShotProgress[]
}

/**
 * The lists of pictures that were asked for, and how far each is: what the log says, in its order. A recalled
 * list is none.
 */
export function shotLists(entries: readonly PublicEntry[]): ShotList[] {
  const lists = new Map<number, ShotProgress[]>()
  for (const entry of entries) {
    if (entry.kind === 'card' && entry.body?.card === 'shots') {
      lists.set(
        entry.seq,
        entry.body.shots.map((shot) => ({ ...shot, state: 'wanted', still: null, reason: null, note: null })),
      )
    }
    if (entry.kind !== 'still' && entry.kind !== 'skipped' && entry.kind !== 'retake') continue
    const shots = lists.get(entry.list_seq)
    const shot = shots?.[entry.shot]
    if (!shots || !shot) continue
    shots[entry.shot] = after(shot, entry)
  }
  return [...lists].map(([seq, shots]) => ({ seq, shots }))
}

function after(shot: ShotProgress, entry: StillEntry | SkippedEntry | RetakeEntry): ShotProgress {
  if ('file_id' in entry) return { ...shot, state: 'filled', still: entry, reason: null, note: null }
  if ('reason' in entry) return { ...shot, state: 'skipped', reason: entry.reason }
  return { ...shot, state: 'again', note: entry.note || null }
}

/** Whether nothing is to be done about a shot at present. */
export const isDone = (shot: ShotProgress): boolean => shot.state === 'filled' || shot.state === 'skipped'

/** The place of the next shot to take, from `after` on and then from the first; null where all are done. */
export function nextShot(list: ShotList, after = -1): number | null {
  const open = list.shots.map((shot, place) => (isDone(shot) ? -1 : place)).filter((place) => place >= 0)
  return open.find((place) => place > after) ?? open[0] ?? null
}
