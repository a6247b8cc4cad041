import type { LogHost } from './host.ts'
import { mergeMarks, NO_MARKS, type AllMarks } from './log.ts'
import { asRefusal, isTransient, retryAfter } from './refusal.ts'
import type { Marked, Marks, PublicEntry } from './wire.ts'

/** Marks that move within this go out as one command. */
export const MARK_PAUSE_MS = 150
/** Pause after a server that asked for one without saying how long. */
const MARK_RETRY_MS = 5_000

/** What a marker asks of the log it belongs to. */
export interface MarkerLog {
  readonly conversationId: string | null
  readonly publicEntries: readonly PublicEntry[]
  mayMark(): boolean
  touched(): void
}

/** Both sides' delivered and read marks, and the telling of one's own: forwards only, never twice the same. */
export class Marker {
  private known: AllMarks = NO_MARKS
  private wantDelivered = 0
  private wantRead = 0
  private telling = false
  private cancelTimer: (() => void) | null = null
  private disposed = false

  constructor(
    private readonly host: LogHost,
    private readonly log: MarkerLog,
  ) {}

  get marks(): AllMarks {
    return this.known
  }

  told(marks: Marks): void {
    const merged = mergeMarks(this.known, marks)
    if (merged === this.known) return
    this.known = merged
    this.log.touched()
  }

  delivered(seq: number): void {
    this.wantDelivered = Math.max(this.wantDelivered, seq)
    this.schedule()
  }

  read(seq: number): void {
    this.wantRead = Math.max(this.wantRead, Math.min(seq, this.log.publicEntries.length))
    this.schedule()
  }

  reset(): void {
    this.known = NO_MARKS
    this.wantDelivered = 0
    this.wantRead = 0
  }

  /** Something changed that may allow or oblige us to tell. */
  schedule(pause = MARK_PAUSE_MS): void {
    if (this.disposed || this.cancelTimer || this.telling || !this.wanted()) return
    this.cancelTimer = this.host.clock.after(pause, () => {
      this.cancelTimer = null
      void this.tell()
    })
  }

  dispose(): void {
    this.disposed = true
    this.cancelTimer?.()
  }

  private wanted(): { delivered_seq?: number; read_seq?: number } | null {
    const mine = this.host.side
    const delivered = this.known[`${mine}_delivered`]
    const read = this.known[`${mine}_read`]
    const wanted: { delivered_seq?: number; read_seq?: number } = {}
    if (this.hasOthers(delivered, this.wantDelivered)) wanted.delivered_seq = this.wantDelivered
    if (this.hasOthers(read, this.wantRead)) wanted.read_seq = this.wantRead
    return wanted.delivered_seq === undefined && wanted.read_seq === undefined ? null : wanted
  }

  /** Having one's own words back is nothing to tell. */
  private hasOthers(after: number, upTo: number): boolean {
    const entries = this.log.publicEntries
    for (let index = after; index < upTo; index++) if (entries[index]?.sender.kind !== this.host.side) return true
    return false
  }

  private async tell(): Promise<void> {
    const wanted = this.wanted()
    const conversation_id = this.log.conversationId
    if (!wanted || conversation_id === null || !this.host.online || !this.log.mayMark()) return
    this.telling = true
    let pause: number | null = MARK_PAUSE_MS
    try {
      const reply = (await this.host.request('chat.mark', { conversation_id, ...wanted })) as Marked
      this.told(reply.marks)
    } catch (thrown) {
      const refusal = asRefusal(thrown)
      // Not ours to mark, or no connection: the next change or connection tries again.
      const later = isTransient(refusal.code) && refusal.code !== 'offline'
      pause = later ? (retryAfter(refusal) ?? MARK_RETRY_MS) : null
    }
    this.telling = false
    if (pause !== null) this.schedule(pause)
  }
}
