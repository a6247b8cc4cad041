import type { Participant } from '@livedesk/protocol'
import type { CallView } from '@livedesk/protocol/CallClient.ts'
import { onBeforeUnmount, ref, watch, type Ref } from 'vue'
import { movements } from './company.ts'

/** How long it is said that somebody came or left. */
export const MOVED_MS = 6_000

/** A sentence of who has just come into the call or left it, `say` of each; empty when that is a while ago. */
export function useMoved(
  call: () => CallView | null,
  say: { came: (these: readonly Participant[]) => string; left: (these: readonly Participant[]) => string },
): Readonly<Ref<string>> {
  const moved = ref('')
  let forget: ReturnType<typeof setTimeout> | undefined
  watch(call, (now, before) => {
    if (!now) return
    const { came, left } = movements(before, now)
    if (came.length + left.length === 0) return
    moved.value = [came.length ? say.came(came) : '', left.length ? say.left(left) : ''].filter(Boolean).join(' · ')
    clearTimeout(forget)
    forget = setTimeout(() => (moved.value = ''), MOVED_MS)
  })
  onBeforeUnmount(() => clearTimeout(forget))
  return moved
}
