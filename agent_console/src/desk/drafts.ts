/** What is half-written, per conversation: a reply and a note side by side, so that neither becomes the other. A case has a note. */

export type Mode = 'reply' | 'note'

export interface Draft {
  readonly mode: Mode
  readonly reply: string
  readonly note: string
  readonly quoteSeq: number | null
}

export type Drafts = Readonly<Record<string, Draft>>

export const EMPTY_DRAFT: Draft = { mode: 'reply', reply: '', note: '', quoteSeq: null }

/** Conversations with a draft at the same time; the ones touched longest ago go first. Protects the browser's storage. */
export const DRAFTS_MAX = 200

export function draftOf(drafts: Drafts, id: string): Draft {
  return drafts[id] ?? EMPTY_DRAFT
}

/** The drafts with this one changed; an empty one takes no place. The one touched last stands last. */
export function withDraft(drafts: Drafts, id: string, change: Partial<Draft>): Drafts {
  const { [id]: _old, ...others } = drafts
  const draft = { ...draftOf(drafts, id), ...change }
  if (draft.reply === '' && draft.note === '' && draft.quoteSeq === null && draft.mode === 'reply') return others
  const kept = Object.entries(others).slice(-(DRAFTS_MAX - 1))
  return Object.fromEntries([...kept, [id, draft]])
}

/** The draft's text in its mode. */
export const textOf = (draft: Draft) => draft[draft.mode]

/** A reply with a citation put where the text ends, on a line of its own. */
export function cited(reply: string, citation: string): string {
  const text = reply.trimEnd()
  return text === '' ? `${citation}\n` : `${text}\n${citation}\n`
}

/** Drafts as they were stored; anything malformed is dropped. */
export function draftsFrom(text: string | null): Drafts {
  let parsed: unknown
  try {
    parsed = JSON.parse(text ?? '{}')
  } catch {
    return {}
  }
  if (typeof parsed !== 'object' || parsed === null) return {}
  const drafts: Record<string, Draft> = {}
  for (const [id, value] of Object.entries(parsed)) {
    if (typeof value !== 'object' || value === null) continue
    const { mode, reply, note, quoteSeq } = value as Record<string, unknown>
    if ((mode !== 'reply' && mode !== 'note') || typeof reply !== 'string' || typeof note !== 'string') continue
    drafts[id] = { mode, reply, note, quoteSeq: typeof quoteSeq === 'number' ? quoteSeq : null }
  }
  return drafts
}
