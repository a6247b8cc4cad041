/**
 * Limits of the wire that the screen must know before the server says them. Source: `protocol/base.py`, `protocol/chat.py`,
 * `protocol/conversation.py`, `protocol/shots.py`, `protocol/cases.py`.
 */

/** Characters (code points) of one text. */
export const MAX_TEXT = 4_000
/** Characters of a handover note. */
export const MAX_NOTE = 2_000
/** Rows of one list that the server tells of while one watches them. */
export const MAX_WATCHED = 100
/** How long after sending a message can be taken back. */
export const RECALL_WITHIN_MS = 120_000

/** Pictures of one list, characters of a picture's name, and of one sentence about it. */
export const MAX_SHOTS = 12
export const MAX_SHOT_LABEL = 20
export const MAX_HINT = 100

/** Characters of one text in a case's history, of a line like its title, and of what is searched for. */
export const MAX_CASE_TEXT = 1_000
export const MAX_LINE = 200
export const MAX_SEARCH = 64
/** Characters of the reason for which a recording is erased or restricted. */
export const MAX_WHY = 500

/** Length as the server counts it: by code point, not by UTF-16 unit. */
export const lengthOf = (text: string) => [...text].length
