import { written, type Open } from '@livedesk/protocol'
import type { Place } from './messages.ts'

/** Places with the same name are one to the desk: how far the stream is does not make another. */
export const nameOf = ({ liveSession, product, order, topic }: Place): string =>
  JSON.stringify([liveSession, product, order, topic])

/** What is asked of the desk for a conversation at this place. */
export function toOpen(place: Place): Omit<Open, 'client_id'> {
  return {
    ...(place.liveSession ? { live_session_id: place.liveSession } : {}),
    ...(place.product ? { product_id: place.product } : {}),
    ...(place.order ? { order_id: place.order } : {}),
    ...(place.positionMs === undefined ? {} : { position_ms: Math.round(place.positionMs) }),
    ...(place.topic && written(place.topic) ? { topic: written(place.topic) } : {}),
  }
}
