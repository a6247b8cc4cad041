/** One ticking clock for the whole screen, on the server's time once it is known. */

import { defineStore } from 'pinia'
import { onScopeDispose, ref } from 'vue'

const TICK_MS = 1_000

export const useClock = defineStore('clock', () => {
  const skew = ref(0)
  const local = ref(Date.now())
  const now = ref(local.value)

  const tick = () => {
    local.value = Date.now()
    now.value = local.value + skew.value
  }
  const ticking = setInterval(tick, TICK_MS)
  onScopeDispose(() => clearInterval(ticking))

  /** Server minus local clock, as of the newest read. */
  function follow(ms: number): void {
    skew.value = ms
    tick()
  }

  /** The server's time at this very moment, finer than the tick. */
  const exactly = () => Date.now() + skew.value

  return { now, local, skew, follow, exactly, tick }
})
