/** Calls: loaded when an agent is there, or one was made. */
import type { Component } from 'vue'
import type { Desk } from '../desk.ts'
import { BuyerCalls, CALL } from './BuyerCalls.ts'
import style from './call.css?url'
import CallEntry from './CallEntry.vue'
import CallRow from './CallRow.vue'
import CallStage from './CallStage.vue'

export interface CallPart {
  readonly calls: BuyerCalls
  readonly CallEntry: Component
  readonly CallRow: Component
  readonly CallStage: Component
}

/** Whether a link for a call led to this page; told once, so that a reload of it begins none. */
function cameForCall(): boolean {
  const address = new URL(location.href)
  if (!address.searchParams.has(CALL)) return false
  address.searchParams.delete(CALL)
  history.replaceState(null, '', address)
  return true
}

/** The parts, once they look as they should (see `capture`); `begin` follows the calls of this buyer. */
export const ready = new Promise<{ begin(desk: Desk): CallPart }>((resolve, reject) => {
  const link = document.createElement('link')
  link.rel = 'stylesheet'
  link.href = style
  link.onload = () => resolve({ begin: (desk) => ({ calls: new BuyerCalls(desk, undefined, undefined, cameForCall()), CallEntry, CallRow, CallStage }) })
  link.onerror = () => reject(new Error('The style sheet of calls did not come.'))
  document.head.appendChild(link)
})
