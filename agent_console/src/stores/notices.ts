/** Short words about what just happened, at the foot of the screen; each goes by itself. */

import { defineStore } from 'pinia'
import { ref } from 'vue'

export interface Notice {
  readonly id: number
  readonly kind: 'info' | 'error'
  readonly text: string
}

/** Long enough to be read twice (WCAG 2.2.1 asks for no more of words that can be missed). */
const SHOWN_MS = { info: 4_000, error: 9_000 } as const
/** More would cover the work. */
const NOTICES_MAX = 3

export const useNotices = defineStore('notices', () => {
  const notices = ref<Notice[]>([])
  let next = 1

  function say(text: string, kind: Notice['kind'] = 'info'): void {
    const id = next++
    notices.value = [...notices.value.filter((notice) => notice.text !== text), { id, kind, text }].slice(-NOTICES_MAX)
    setTimeout(() => dismiss(id), SHOWN_MS[kind])
  }

  function dismiss(id: number): void {
    notices.value = notices.value.filter((notice) => notice.id !== id)
  }

  return { notices, say, dismiss }
})
