/** Codes in words: what happened and what to do, in the person's language. */

import type { Failure } from '@livedesk/protocol'
import { i18n } from './index.ts'

/** The sentence of a code; a code without words falls back to what the server wrote. */
export function words(refusal: Pick<Failure, 'code' | 'message'>): string {
  const { t, te } = i18n.global
  const key = `refusal.${refusal.code}`
  return te(key) ? t(key) : refusal.message || refusal.code
}
