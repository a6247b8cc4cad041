import type { Clock } from '../clock.ts'
import type { CallMark, MarkEntry } from '../wire.ts'
import { drawn, rested, type Boards } from './marks.ts'
import type { CallSocket } from './socket.ts'

/** Two hands' marks may come in either order; what is missing for longer is asked for. */
export const GAP_MS = 200

type Shown = Pick<MarkEntry, 'mark' | 'participant_id' | 'at'>

/**
 * The marks of one call in the order of their seq. What is heard ahead of a missing one, and one's own that are
 * on their way, are seen at once, above it; the missing one is read and everything falls into its order.
 */
export class MarkTrack {
  boards: Boards = {}
  /** Of every mark up to and with `last`: none before it is missing. */
  private settled: Boards = {}
  private last = 0
  private readonly early = new Map<number, MarkEntry>()
  private readonly mine = new Set<Shown>()
  private waits = false
  private stay: () => void = () => {}

  constructor(
    readonly callId: string,
    private readonly socket: CallSocket,
    private readonly clock: Pick<Clock, 'after'>,
    /** The server's clock, ms since 1970. */
    private readonly now: () => number,
    private readonly changed: () => void,
  ) {}

  /** One that was heard. */
  take(entry: MarkEntry): void {
    if (entry.seq <= this.last) return
    this.early.set(entry.seq, entry)
    this.settle()
    this.show()
    if (this.early.size === 0 || this.waits) return
    this.waits = true
    this.clock.after(GAP_MS, () => {
      this.waits = false
      if (this.early.size > 0) void this.read()
    })
  }

  /** Reads what was drawn while one was not there. */
  async read(): Promise<void> {
    try {
      for (;;) {
        const { marks, more } = await this.socket.insist('call.sync', { call_id: this.callId, after_seq: this.last })
        // The server's own order has no gaps: what is not between two of its entries is nowhere.
        for (const entry of marks) if (entry.seq > this.last) this.append(entry)
        this.settle()
        this.show()
        if (!more || marks.length === 0) return
      }
    } catch {
      // The next connection, or the next mark, asks again.
    }
  }

  /** Draws for both sides, here at once. A refused mark is taken back and rejects. */
  async draw(mark: CallMark, participant_id: string, at: number): Promise<void> {
    const own = { mark, participant_id, at }
    this.mine.add(own)
    this.show()
    try {
      const { seq } = await this.socket.ask('call.mark', { call_id: this.callId, mark })
      this.mine.delete(own)
      this.take({ ...own, seq })
    } finally {
      if (this.mine.delete(own)) this.show()
    }
  }

  private append(entry: MarkEntry): void {
    this.settled = drawn(this.settled, entry)
    this.last = entry.seq
    this.early.delete(entry.seq)
  }

  private settle(): void {
    for (let next = this.early.get(this.last + 1); next; next = this.early.get(this.last + 1)) this.append(next)
    for (const seq of this.early.keys()) if (seq <= this.last) this.early.delete(seq)
  }

  private show(): void {
    const early = [...this.early.values()].sort((one, other) => one.seq - other.seq)
    const { boards, next } = rested([...early, ...this.mine].reduce<Boards>(drawn, this.settled), this.now())
    this.boards = boards
    this.stay()
    this.stay = next === null ? () => {} : this.clock.after(next - this.now(), () => this.show())
    this.changed()
  }
}
