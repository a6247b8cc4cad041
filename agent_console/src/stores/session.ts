/** Who is signed in at this browser, and how that ends. */

import type { Me } from '@livedesk/protocol'
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { useWorld } from './world.ts'

export const useSession = defineStore('session', () => {
  const { api } = useWorld()
  const me = ref<Me | null>(null)
  /** The last session ended by itself: the sign-in page says so. */
  const ended = ref(false)
  /** The last question who this browser is got no answer. */
  const unreachable = ref(false)

  /** Asks the server who this browser is; `null` when nobody. Rejects when there is no answer. */
  async function look(): Promise<Me | null> {
    try {
      me.value = await api.me()
      unreachable.value = false
    } catch (refusal) {
      unreachable.value = !isOver(refusal)
      if (unreachable.value) throw refusal
      me.value = null
    }
    return me.value
  }

  async function login(name: string, password: string): Promise<void> {
    me.value = await api.login({ login: name, password })
    ended.value = false
    unreachable.value = false
  }

  /** Forgets who was signed in, after the server has ended the sign-in. */
  function leave(): void {
    me.value = null
    ended.value = false
  }

  /** The server ended the session. */
  function lose(): void {
    me.value = null
    ended.value = true
  }

  return { api, me, ended, unreachable, look, login, leave, lose }
})

const OVER: ReadonlySet<string> = new Set(['unauthenticated', 'session_expired', 'session_revoked'])

/** Whether a refusal means that one must sign in again. */
export function isOver(refusal: unknown): boolean {
  return typeof refusal === 'object' && refusal !== null && 'code' in refusal && OVER.has(String(refusal.code))
}
