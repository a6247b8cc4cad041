/** Turns a coded reason of a provenance into a sentence's key and its words. */

import type { Reason } from '@livedesk/protocol'
import { zhReasons } from '../i18n/reasons.ts'

export interface Phrase {
  readonly key: string
  readonly words: Readonly<Record<string, string>>
}

export interface Speech {
  /** A length of time in words, "3 分钟". */
  duration(ms: number): string
  /** A time of day, "21:04:10". */
  moment(at: number): string
  /** A position in a stream, "1:04:10". */
  position(ms: number): string
}

/** Lengths are called `<name>_ms` on the wire and `{name}` in a sentence; a code without words is shown as it is. */
export function phrase(reason: Reason, speech: Speech): Phrase {
  if (!(reason.code in zhReasons)) return { key: 'reason.other', words: { code: reason.code } }
  const words: Record<string, string> = {}
  for (const [name, value] of Object.entries(reason.data ?? {})) {
    if (name === 'position_ms' && typeof value === 'number') words['position'] = speech.position(value)
    else if (name.endsWith('_ms') && typeof value === 'number') words[name.slice(0, -3)] = speech.duration(value)
    else if (isMoment(name) && typeof value === 'number') words[name] = speech.moment(value)
    else words[name] = String(value)
  }
  return { key: `reason.${reason.code}`, words }
}

const isMoment = (name: string) => name === 'at' || name.endsWith('_at')
