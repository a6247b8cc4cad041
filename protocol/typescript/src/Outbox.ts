import { uuid7 } from './ids.ts'
import type { Line, LineContent } from './keep.ts'
import type { LogHost } from './host.ts'
import { Refusal, asRefusal, isTransient, needsToken, retryAfter, type Failure } from './refusal.ts'
import type { Sent } from './wire.ts'

/** Answers "try again" and silence that a line bears, over about two minutes, before it is shown as failed. */
export const ATTEMPTS = 8
/** An unsent line older than this is not sent by itself any more: its moment may have passed. */
export const LINE_MAX_AGE_MS = 24 * 3_600_000
/** Unsent lines of one conversation. Protects the browser's storage; nobody types that many offline. */
export const OUTBOX_MAX = 100

/** What an outbox asks of the log it belongs to. */
export interface OutboxLog {
  readonly conversationId: string | null
  readonly currentFence: number
  /** Is the line's own entry among the entries read from the server? */
  holdsEntryOf(line: Line): boolean
  /** A line is stored at `seq`. */
  acked(line: Line, seq: number): void
  /** The server said that the conversation is closed. */
  closedMeanwhile(): void
  touched(): void
}

/**
 * One's own lines of one conversation, from the first key to the entry read back. Each is kept before it
 * is sent, sent with the same client id until an answer comes, and leaves when its entry is in the log.
 * One is under way at a time: what one wrote first is stored first.
 */
export class Outbox {
  private all: readonly Line[] = []
  private inFlight: string | null = null
  private attempts = 0
  private cancelPause: (() => void) | null = null
  private disposed = false

  constructor(
    private readonly host: LogHost,
    private readonly log: OutboxLog,
  ) {}

  get lines(): readonly Line[] {
    return this.all
  }

  write(content: LineContent): Line {
    if (this.all.length >= OUTBOX_MAX) {
      throw new Refusal('too_many', `More than ${OUTBOX_MAX} messages wait to be sent.`)
    }
    const now = this.host.clock.now()
    const line = this.stored({
      client_id: uuid7(now),
      conversation_id: this.log.conversationId,
      created_at: now,
      content,
      state: 'pending',
      ...this.stamp(),
    })
    this.set([...this.all, line])
    this.pump()
    return line
  }

  retry(clientId: string): void {
    this.change(clientId, (line) => {
      if (line.state !== 'failed') return line
      const { failure: _, fence: __, ...rest } = line
      return { ...rest, created_at: this.host.clock.now(), state: 'pending', ...this.stamp() }
    })
    this.pump()
  }

  discard(clientId: string): void {
    const line = this.all.find((one) => one.client_id === clientId)
    if (line?.state !== 'failed') return
    this.host.keep.drop(clientId)
    this.set(this.all.filter((one) => one !== line))
  }

  /** Takes lines in: from storage, from another tab, from the log they were first written into. */
  adopt(lines: readonly Line[]): void {
    const known = new Set(this.all.map((line) => line.client_id))
    const fresh = lines
      .filter((line) => !known.has(line.client_id))
      .map((line) => this.ripe({ ...line, conversation_id: this.log.conversationId }))
    if (fresh.length === 0) return
    this.set([...this.all, ...fresh].sort((a, b) => (a.client_id < b.client_id ? -1 : 1)))
    this.landed()
    this.pump()
  }

  /** Gives up those of the unsent lines, for another log to adopt. */
  release(which: (line: Line) => boolean): Line[] {
    // What is kept counts: another tab may have tried the same line meanwhile.
    const leaving = this.all
      .filter((line) => this.mayLeave(line))
      .map((line) => this.host.keep.line(line.client_id) ?? line)
      .filter(which)
    if (leaving.length > 0) {
      const ids = new Set(leaving.map((line) => line.client_id))
      this.set(this.all.filter((line) => !ids.has(line.client_id)))
    }
    return leaving
  }

  fail(failure: Failure): void {
    const failed = (line: Line): Line => this.stored({ ...line, state: 'failed', failure })
    this.set(this.all.map((line) => (line.state === 'pending' ? failed(line) : line)))
  }

  /** Another tab may have changed what is kept, which counts: failed there is failed here. */
  keptElsewhere(): void {
    const id = this.log.conversationId
    let changed = false
    const lines = this.all.flatMap((line) => {
      if (!this.mayLeave(line)) return [line]
      const kept = this.host.keep.line(line.client_id)
      // Got through, given up, or taken along into another conversation.
      if (kept?.conversation_id !== id) {
        changed = true
        return []
      }
      if (kept.state === line.state) return [line]
      changed = true
      return [kept]
    })
    if (!changed) return
    this.set(lines)
    this.pump()
  }

  /** Writes every unsent line into the keep once more, because it or the conversation's id is new. */
  keepAgain(): void {
    const id = this.log.conversationId
    this.set(this.all.map((line) => this.stored({ ...line, conversation_id: id })))
  }

  /** Lets go of the lines whose entries have been read. */
  landed(): void {
    const left = this.all.filter((line) => {
      if (!this.log.holdsEntryOf(line)) return true
      this.host.keep.drop(line.client_id)
      return false
    })
    if (left.length < this.all.length) this.set(left)
  }

  /** The database is another one: what the old one had stored and the log does not hold goes out again. */
  revive(): void {
    this.set(
      this.all.map((line) => {
        if (line.state !== 'sent') return line
        const { seq: _, sent_at: __, ...rest } = line
        return this.stored({ ...rest, state: 'pending' })
      }),
    )
    this.pump()
  }

  /** A connection stands: no use in sitting out a pause. */
  resume(): void {
    this.cancelPause?.()
    this.cancelPause = null
    this.pump()
  }

  pump(): void {
    if (this.disposed || this.inFlight !== null || this.cancelPause) return
    const id = this.log.conversationId
    if (id === null || !this.host.online || this.host.opening) return
    const line = this.all.find((one) => one.state === 'pending')
    if (!line) return
    // What is kept counts, because all tabs see it.
    const kept = this.host.keep.lines().filter((one) => one.conversation_id === id && one.state === 'pending')
    const first = kept[0]
    if (first?.client_id === line.client_id) void this.send(line, id)
    else if (first && first.client_id < line.client_id) {
      const known = this.all.find((one) => one.client_id === first.client_id)
      if (known?.state === 'sent') {
        // Another tab kept it again just when it got through here.
        this.host.keep.drop(first.client_id)
        this.pump()
      } else if (known) this.keptElsewhere()
      // Written earlier, in another tab: it goes first.
      else this.adopt([first])
    } else this.keptElsewhere()
  }

  dispose(): void {
    this.disposed = true
    this.cancelPause?.()
  }

  private mayLeave(line: Line): boolean {
    return line.state !== 'sent' && line.client_id !== this.inFlight
  }

  private stamp(): { fence?: number } {
    return this.host.namespace === '/agent' ? { fence: this.log.currentFence } : {}
  }

  private async send(line: Line, id: string): Promise<void> {
    this.inFlight = line.client_id
    if (!line.tried) this.change(line.client_id, (one) => ({ ...one, tried: true }))
    try {
      const reply = (await this.host.request(...toCommand(line, id))) as Sent
      this.inFlight = null
      this.attempts = 0
      this.acked(line.client_id, reply)
    } catch (thrown) {
      this.inFlight = null
      this.unanswered(line.client_id, asRefusal(thrown))
    }
    this.pump()
  }

  private acked(clientId: string, reply: Sent): void {
    this.host.keep.drop(clientId)
    this.change(clientId, (line) => {
      const { failure: _, ...rest } = line
      return { ...rest, state: 'sent', seq: reply.seq, sent_at: reply.sent_at }
    })
    this.landed()
    const line = this.all.find((one) => one.client_id === clientId)
    if (line) this.log.acked(line, reply.seq)
  }

  private unanswered(clientId: string, refusal: Refusal): void {
    const { code } = refusal
    // The connection went, not the line: it goes out again with the next one.
    if (this.disposed || code === 'offline' || code === 'ended' || needsToken(code)) return
    if (isTransient(code) && ++this.attempts < ATTEMPTS) {
      const pause = Math.min(30_000, 500 * 2 ** this.attempts) * (0.5 + this.host.clock.random() / 2)
      this.cancelPause = this.host.clock.after(retryAfter(refusal) ?? pause, () => {
        this.cancelPause = null
        this.pump()
      })
      return
    }
    this.attempts = 0
    const failure: Failure = { code, message: refusal.message }
    this.change(clientId, (line) => ({ ...line, state: 'failed', failure }))
    if (code === 'conversation_closed') this.log.closedMeanwhile()
    this.host.failed(clientId, this.log.conversationId)
  }

  private ripe(line: Line): Line {
    if (line.state !== 'pending' || this.host.clock.now() - line.created_at < LINE_MAX_AGE_MS) return this.stored(line)
    const failure: Failure = { code: 'expired', message: 'It was written too long ago to be sent by itself.' }
    return this.stored({ ...line, state: 'failed', failure })
  }

  private change(clientId: string, to: (line: Line) => Line): void {
    this.set(
      this.all.map((line) => {
        if (line.client_id !== clientId) return line
        const changed = to(line)
        return changed === line ? line : this.stored(changed)
      }),
    )
  }

  /** What is acknowledged needs no keeping: the server has it. */
  private stored(line: Line): Line {
    if (line.state !== 'sent') this.host.keep.put(line)
    return line
  }

  private set(lines: readonly Line[]): void {
    this.all = lines
    this.log.touched()
  }
}

function toCommand(line: Line, conversation_id: string): [command: string, payload: unknown] {
  const { content, client_id } = line
  const base = { conversation_id, client_id, ...(line.fence === undefined ? {} : { fence: line.fence }) }
  switch (content.kind) {
    case 'text': {
      const quote = content.quote_seq === undefined ? {} : { quote_seq: content.quote_seq }
      return ['chat.send', { ...base, kind: 'text', text: content.text, ...quote }]
    }
    case 'card':
      return ['chat.send', { ...base, kind: 'card', body: content.body }]
    case 'note':
      return ['chat.note', { conversation_id, client_id, text: content.text }]
    case 'recall':
      return ['chat.recall', { ...base, seq: content.seq }]
  }
}
