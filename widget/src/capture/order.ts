/** Which shot comes next, as the buyer sees it: what he has taken is done for him while it is on its way. Pure. */
import { isDone, nextShot, type ShotList } from '@livedesk/protocol'

/** `taken`: places whose new picture is on its way. */
const withTaken = (list: ShotList, taken: ReadonlySet<number>): ShotList => ({
  ...list,
  shots: list.shots.map((shot, place) => (taken.has(place) ? { ...shot, state: 'filled' } : shot)),
})

/** The places that are left to take, in the list's order. */
export const openPlaces = (list: ShotList, taken: ReadonlySet<number>): number[] =>
  withTaken(list, taken).shots.flatMap((shot, place) => (isDone(shot) ? [] : [place]))

/** The next of them after `place`, then from the first on; null where nothing is left. */
export const nextPlace = (list: ShotList, taken: ReadonlySet<number>, place = -1): number | null =>
  nextShot(withTaken(list, taken), place)
