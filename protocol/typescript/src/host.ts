import type { Clock } from './clock.ts'
import type { Namespace } from './connection.ts'
import type { Cursor, Keep, Line } from './keep.ts'
import type { AllMarks, Side } from './log.ts'
import type { Refusal } from './refusal.ts'
import type { DeskEntry, PublicEntry } from './wire.ts'

/**
 * A conversation at one instant. Immutable: a changed one is another object, unchanged parts are the
 * same objects.
 */
export interface LogSnapshot {
  /** null while the conversation is being opened. */
  readonly id: string | null
  /** The public log from seq 1 on, without gaps: what the server has, as far as it is known. */
  readonly entries: readonly PublicEntry[]
  /** The desk log likewise; always empty for buyers. */
  readonly desk: readonly DeskEntry[]
  /** One's own lines that are not yet in `entries` or `desk`, in the order in which they were written. */
  readonly outbox: readonly Line[]
  readonly marks: AllMarks
  readonly state: 'open' | 'closed'
  readonly agentName: string | null
  /** Place in line, 1 is next; null when the wait is over (or not known yet). */
  readonly position: number | null
  /** The other side is typing. */
  readonly typing: boolean
  /** Agents: who owns it, and the fence that goes with every write. */
  readonly ownerId: string | null
  readonly fence: number
  /** Everything there was at the time of the first read is here. */
  readonly loaded: boolean
  /** Reading it was refused (it does not exist here, or not for us). */
  readonly refusal: Refusal | null
}

/** What a conversation needs of the client it belongs to. */
export interface LogHost {
  readonly namespace: Namespace
  readonly side: Side
  readonly clock: Clock
  readonly keep: Keep
  readonly online: boolean
  /** Rejects with a `Refusal`, never anything else. */
  request(command: string, payload: unknown): Promise<unknown>
  /** A log's cursor moved; it is kept for the conversation one is in. */
  cursorMoved(cursor: Cursor): void
  /** May this side's marks be told for this log (an agent who only looks must not). */
  mayMark(snapshot: LogSnapshot): boolean
  /** Lines of the current conversation may not leave now: it is being opened, maybe as another one. */
  readonly opening: boolean
  /** A line of this conversation has just failed here. */
  failed(clientId: string, conversationId: string | null): void
  changed(): void
}
