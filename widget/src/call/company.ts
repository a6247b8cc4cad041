import type { Participant } from '@livedesk/protocol'
import type { ActiveCall, CallView } from '@livedesk/protocol/CallClient.ts'

const ORDER: readonly Participant['role'][] = ['agent', 'supervisor', 'guest', 'buyer']
const here = ({ state }: Participant): boolean => state === 'joined' || state === 'reconnecting'

/** Who else is in the call, the agent first. Whoever was only asked to come is not. */
export function present(others: readonly Participant[]): Participant[] {
  return others.filter(here).sort((one, other) => ORDER.indexOf(one.role) - ORDER.indexOf(other.role))
}

/** Who else can be seen: screens before cameras, the agent before the others. */
export function seen({ others, streams }: ActiveCall): Participant[] {
  return present(others)
    .filter((one) => (one.screen || one.camera) && streams.has(one.participant_id))
    .sort((one, other) => Number(other.screen) - Number(one.screen))
}

/**
 * Who came into a call and who left it between two looks at it; at the first one nobody has moved.
 *
 * Of agents it is told only when one follows another in a call that stood: that the first one comes, or that the
 * next one is waited for, is where the call stands.
 */
export function movements(before: CallView | null, now: CallView): { came: Participant[]; left: Participant[] } {
  if (before?.call.call_id !== now.call.call_id || now.phase === 'ended') return { came: [], left: [] }
  const [was, is] = [present(before.others), present(now.others)]
  const notIn = (these: Participant[]) => (one: Participant): boolean => these.every((other) => other.participant_id !== one.participant_id)
  return {
    came: is.filter(notIn(was)).filter(({ role }) => role !== 'agent' || before.connectedAt !== null),
    left: was.filter(notIn(is)).filter(({ role }) => role !== 'agent' || now.phase !== 'waiting'),
  }
}
