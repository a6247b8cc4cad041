/** Keys of the desk: which key press is which act. Single letters are dead wherever text is written. */

export type Act = 'next' | 'previous' | 'close' | 'help' | 'urgent' | 'accept' | 'palette' | 'compose' | 'mute'

export interface KeyPress {
  readonly key: string
  readonly code: string
  readonly ctrlKey: boolean
  readonly metaKey: boolean
  readonly altKey: boolean
  readonly shiftKey: boolean
  readonly isComposing: boolean
  readonly keyCode: number
}

const LETTERS: Readonly<Record<string, Act>> = { j: 'next', k: 'previous', e: 'close', '?': 'help', r: 'compose' }

/**
 * The act of a key press, or null. `writing` is true in a text field, where single letters mean themselves;
 * `letters` is the person's switch for them.
 */
export function actOf(press: KeyPress, where: { readonly writing: boolean; readonly letters: boolean }): Act | null {
  if (press.isComposing || press.keyCode === 229) return null
  const command = press.ctrlKey || press.metaKey
  if (command && press.shiftKey && !press.altKey && press.code === 'KeyA') return 'accept'
  if (command && press.shiftKey && !press.altKey && press.code === 'KeyM') return 'mute'
  if (command && !press.shiftKey && !press.altKey && press.code === 'KeyK') return 'palette'
  // By code: with Alt the key itself may be a composed letter.
  if (press.altKey && !command && !press.shiftKey && press.code === 'KeyN') return 'urgent'
  if (command || press.altKey || where.writing || !where.letters) return null
  return LETTERS[press.key.length === 1 ? press.key.toLowerCase() : press.key] ?? null
}

/** Whether a key press at this element belongs to what is being written there. */
export function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable) return true
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true
  return target instanceof HTMLInputElement && !['button', 'checkbox', 'radio', 'range', 'submit'].includes(target.type)
}
