/** Half-written replies and notes, kept in this browser until they are sent or the person signs out. */

import { defineStore } from 'pinia'
import { ref } from 'vue'
import { draftOf, draftsFrom, withDraft, type Draft, type Drafts } from '../desk/drafts.ts'

export const useDrafts = defineStore('drafts', () => {
  const drafts = ref<Drafts>({})
  let key: string | null = null

  /** Brings back what this person had half-written. */
  function open(personId: string): void {
    key = `livedesk.console.drafts.${personId}`
    drafts.value = draftsFrom(read(key))
  }

  function of(id: string): Draft {
    return draftOf(drafts.value, id)
  }

  function change(id: string, to: Partial<Draft>): void {
    drafts.value = withDraft(drafts.value, id, to)
    if (key !== null) write(key, JSON.stringify(drafts.value))
  }

  /** Forgets everything, here and in the browser. */
  function wipe(): void {
    drafts.value = {}
    if (key !== null) write(key, null)
    key = null
  }

  return { drafts, open, of, change, wipe }
})

// Without storage drafts live as long as the page.
function read(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key)
    else localStorage.setItem(key, value)
  } catch {
    return
  }
}
