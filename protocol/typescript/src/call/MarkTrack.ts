import type { CallMark, MarkEntry } from '../wire.ts'
import { drawn, type Boards } from './marks.ts'
import type { CallSocket } from './socket.ts'

/** The marks of one call, as they were drawn: by others in the order of their seq, one's own at once. */
export class MarkTrack {
  boards: Boards = {}
  private readonly seen = new Set<number>()
  private last = 0

  constructor(
    readonly callId: string,
    private readonly socket: CallSocket,
    private readonly changed: () => void,
  ) {}

  take(entry: MarkEntry): void {
    if (this.seen.has(entry.seq)) return
    this.seen.add(entry.seq)
    this.last = Math.max(this.last, entry.seq)
    this.show(entry)
  }

  /** Reads what was drawn while one was not there. */
  async read(): Promise<void> {
    try {
      for (;;) {
        const { marks, more } = await this.socket.insist('call.sync', { call_id: this.callId, after_seq: this.last })
        for (const entry of marks) this.take(entry)
        if (!more || marks.length === 0) return
      }
    } catch {
      // The next connection asks again.
    }
  }

  /** Draws for both sides, here at once. A refused mark is taken back and rejects. */
  async draw(mark: CallMark, participant_id: string, at: number): Promise<void> {
    this.show({ mark, participant_id, at })
    try {
      this.seen.add((await this.socket.ask('call.mark', { call_id: this.callId, mark })).seq)
    } catch (thrown) {
      const { of, frame_ms, mark_id } = mark
      this.show({ mark: { shape: 'undo', mark_id, of, frame_ms, undone: mark_id }, participant_id, at })
      throw thrown
    }
  }

  private show(entry: Pick<MarkEntry, 'mark' | 'participant_id' | 'at'>): void {
    this.boards = drawn(this.boards, entry)
    this.changed()
  }
}
