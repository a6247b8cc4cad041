import type { Finding } from './messages.ts'
import type { Session } from './session.ts'
import type { DeskState } from './state.ts'

/** A clock that is further off than this makes tokens look over, or not yet begun. */
const CLOCK_OFF_MS = 60_000

/** What `LiveDesk.debug()` says from inside the frame. */
export function findings(state: DeskState, session: Session, parent: string | null, storage: boolean): Finding[] {
  const { shop, shopRefusal, client } = state
  const { current, skew } = session
  const link = client?.link
  const refusal = link?.refusal ?? state.openRefusal
  const until = current ? new Date(current.expires_at).toISOString() : ''
  return [
    { check: 'shop in the desk', ok: shop !== null, say: shop?.name ?? shopRefusal?.message ?? 'Not read yet.' },
    {
      check: 'origin',
      ok: shop === null || (parent !== null && shop.origins.includes(parent)),
      say: `${parent ?? 'none'}; the shop allows: ${shop?.origins.join(' ') || 'none'}`,
    },
    {
      check: 'token',
      ok: !refusal,
      say: refusal
        ? `${refusal.code}: ${refusal.message}`
        : current
          ? `${current.verified ? 'A verified buyer' : 'A visitor'}, until ${until}`
          : 'No session yet: it begins with the first opening.',
    },
    { check: 'connection', ok: !link || link.status === 'online', say: link?.status ?? 'Not opened yet.' },
    {
      check: 'clock',
      ok: Math.abs(skew ?? 0) < CLOCK_OFF_MS,
      say: skew === null ? 'Not compared yet.' : `The desk is ${Math.round(skew / 1_000)} s ahead of this device.`,
    },
    {
      check: 'storage',
      ok: storage && client?.durable !== false,
      say: storage ? 'Allowed.' : 'Refused by the browser: unsent lines live in memory, and a visitor is forgotten.',
    },
  ]
}
