import type { Participant } from '@livedesk/protocol'
import type { CallView } from '@livedesk/protocol/CallClient.ts'
import { onBeforeUnmount, ref, watch, type Ref } from 'vue'
import { movements } from './company.ts'

/** How long it is said that somebody came or left. */
export const MOVED_MS = 6_000

type Say = (these: readonly Participant[]) => string

/**
 * A sentence of who has just come into the call or left it, `say` of each; empty when that is a while ago. A supervisor
 * who is not heard any more may have left or only gone silent, which neither buyers nor guests are told: he is `silent`.
 */
export function useMoved(
  call: () => CallView | null,
  say: { came: Say; left: Say; silent: Say },
): Readonly<Ref<string>> {
  const moved = ref('')
  let forget: ReturnType<typeof setTimeout> | undefined
  watch(call, (now, before) => {
    if (!now) return void (moved.value = '')
    const { came, left } = movements(before, now)
    if (came.length + left.length === 0) return
    const silent = left.filter(({ role }) => role === 'supervisor')
    const gone = left.filter(({ role }) => role !== 'supervisor')
    const told: [Say, Participant[]][] = [[say.came, came], [say.left, gone], [say.silent, silent]]
    moved.value = told.flatMap(([says, these]) => (these.length ? says(these) : [])).join(' · ')
    clearTimeout(forget)
    forget = setTimeout(() => (moved.value = ''), MOVED_MS)
  })
  onBeforeUnmount(() => clearTimeout(forget))
  return moved
}
