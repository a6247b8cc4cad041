import type { LogHost, LogSnapshot } from './host.ts'
import type { Cursor, Line } from './keep.ts'
import { emptyTrack, HELD_MAX, ingest, ingestPublic, lastSeq, withoutHeld, type Side } from './log.ts'
import { Marker } from './Marker.ts'
import { Outbox } from './Outbox.ts'
import { Refusal, asRefusal, isTransient, needsToken, retryAfter, type Failure } from './refusal.ts'
import type { AgentSynced, BuyerSynced, Card, CardRef, DeskEntry, Marks, PublicEntry } from './wire.ts'

/** Pushes that overtake each other close the gap by themselves within this; then it is fetched. */
export const GAP_GRACE_MS = 150
/** Bounds of the pause after a read that failed. */
const READ_RETRY_MIN_MS = 500
const READ_RETRY_MAX_MS = 30_000
/** The other side's "typing" goes out of sight unless it is renewed. */
export const TYPING_SHOWN_MS = 5_000
/** One's own "typing" is told at most this often. */
export const TYPING_TOLD_MS = 3_000
/** A log that is being looked at asks now and then whether the last push of all was lost. */
export const ATTENDED_SYNC_MS = 60_000
/** Sent with a first read, when no epoch is known: the server's refusal names its own. */
export const UNKNOWN_EPOCH = 'unknown'

type Synced = BuyerSynced & Partial<AgentSynced>

/** One conversation: its two logs, its outbox, its marks. Made by `LogClient`, which also drives it. */
export class ConversationLog {
  private id: string | null
  private epoch: string | null = null
  private open = emptyTrack<PublicEntry>()
  private desk = emptyTrack<DeskEntry>()
  private state: 'open' | 'closed' = 'open'
  private agentName: string | null = null
  private position: number | null = null
  private typing = false
  private ownerId: string | null = null
  private fence = 0
  private loaded = false
  private refusal: Refusal | null = null

  private readonly outbox: Outbox
  private readonly marker: Marker

  private disposed = false
  /** Highest seqs that somebody spoke of; beyond what we have, there is something to fetch. */
  private spokenOf = 0
  private deskSpokenOf = 0
  /** This connection has answered a read: the epoch is the one we think, and pushes may be appended. */
  private confirmed = false
  private early: { open: PublicEntry[]; desk: DeskEntry[] } = { open: [], desk: [] }
  private reading = false
  private readAgain = false
  private readFailures = 0
  private cancelRead: (() => void) | null = null
  private attended = false
  private cancelAttended: () => void = () => {}
  private cancelTyping: () => void = () => {}
  private typingToldAt = -TYPING_TOLD_MS

  private readonly listeners = new Set<() => void>()
  private snap: LogSnapshot | null = null
  private telling = false

  constructor(
    private readonly host: LogHost,
    id: string | null,
    cursor: Cursor | null = null,
  ) {
    this.id = id
    if (cursor && cursor.conversation_id === id) this.epoch = cursor.epoch
    const self = this
    this.outbox = new Outbox(host, {
      get conversationId() {
        return self.id
      },
      get currentFence() {
        return self.fence
      },
      holdsEntryOf: (line) => this.holdsEntryOf(line),
      acked: (line, seq) => (line.content.kind === 'note' ? this.heardOf(0, seq) : this.heardOf(seq)),
      closedMeanwhile: () => this.scheduleRead(0),
      touched: () => this.touch(),
    })
    this.marker = new Marker(host, {
      get conversationId() {
        return self.id
      },
      get publicEntries() {
        return self.open.entries
      },
      mayMark: () => this.loaded && host.mayMark(this.snapshot),
      touched: () => this.touch(),
    })
  }

  // What the screen reads ------------------------------------------------------------------------------

  get snapshot(): LogSnapshot {
    return (this.snap ??= {
      id: this.id,
      entries: this.open.entries,
      desk: this.desk.entries,
      outbox: this.outbox.lines,
      marks: this.marker.marks,
      state: this.state,
      agentName: this.agentName,
      position: this.position,
      typing: this.typing,
      ownerId: this.ownerId,
      fence: this.fence,
      loaded: this.loaded,
      refusal: this.refusal,
    })
  }

  /** Calls after a change, once for changes that come together. The answer ends it. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  // What the person does -------------------------------------------------------------------------------

  /** Kept, shown and on its way when this returns. Throws `Refusal('too_many')` at a full outbox. */
  sendText(text: string, quoteSeq?: number): Line {
    const quote = quoteSeq === undefined ? {} : { quote_seq: quoteSeq }
    return this.outbox.write({ kind: 'text', text, ...quote })
  }

  /** `shown` is the card as this side knows it, displayed until the server's own comes back. */
  sendCard(body: CardRef, shown: Card | null = null): Line {
    return this.outbox.write({ kind: 'card', body, shown })
  }

  /** Agents: an internal note. */
  sendNote(text: string): Line {
    return this.outbox.write({ kind: 'note', text })
  }

  /** Takes back one's own message; the server decides whether it was in time. */
  recall(seq: number): Line {
    return this.outbox.write({ kind: 'recall', seq })
  }

  /** Sends a failed line again: the same message, under the present fence. */
  retry(clientId: string): void {
    this.outbox.retry(clientId)
  }

  /** Gives a failed line up. If the server had stored it after all, its entry still comes. */
  discard(clientId: string): void {
    this.outbox.discard(clientId)
  }

  /** Everything up to `seq` (default: all there is) was before the person's eyes. */
  markRead(seq: number = lastSeq(this.open)): void {
    this.marker.read(seq)
  }

  /** The person is typing; tells the other side now and then. */
  type(): void {
    const now = this.host.clock.now()
    if (this.id === null || !this.host.online || now - this.typingToldAt < TYPING_TOLD_MS) return
    this.typingToldAt = now
    // A hint: whether it arrives matters to nobody.
    this.host.request('chat.type', { conversation_id: this.id }).catch(() => {})
  }

  /** Whether somebody looks at it: then it also asks by itself for what a lost push would have brought. */
  attend(looking: boolean): void {
    if (looking === this.attended) return
    this.attended = looking
    this.cancelAttended()
    if (looking) this.keepAttending()
  }

  // What the client tells it ---------------------------------------------------------------------------

  /** A connection stands: read what was missed, send what waits. */
  connected(): void {
    this.readFailures = 0
    this.refusal = null
    // A restored database speaks of other entries under the same numbers: nothing that waited behind a gap
    // is of use, and no push is taken in before a read has shown that the log goes on.
    this.confirmed = false
    this.early = { open: [], desk: [] }
    this.open = withoutHeld(this.open)
    this.desk = withoutHeld(this.desk)
    this.spokenOf = 0
    this.deskSpokenOf = 0
    this.scheduleRead(0)
    this.outbox.resume()
    this.marker.schedule()
  }

  disconnected(): void {
    this.showTyping(false)
  }

  /** Reads now: the device woke up, or something may have been missed. */
  refresh(): void {
    this.scheduleRead(0)
  }

  posted(entry: PublicEntry): void {
    if (!this.confirmed) {
      if (this.early.open.length < HELD_MAX) this.early.open.push(entry)
      return
    }
    this.take([entry], [])
    if (this.open.held.size > 0) this.scheduleRead(GAP_GRACE_MS)
  }

  noted(entry: DeskEntry): void {
    if (!this.confirmed) {
      if (this.early.desk.length < HELD_MAX) this.early.desk.push(entry)
      return
    }
    this.take([], [entry])
    if (this.desk.held.size > 0) this.scheduleRead(GAP_GRACE_MS)
  }

  /** Somebody spoke of these seqs: what lies up to there is to be had. */
  heardOf(seq: number, deskSeq = 0): void {
    this.spokenOf = Math.max(this.spokenOf, seq)
    this.deskSpokenOf = Math.max(this.deskSpokenOf, deskSeq)
    if (this.behind) this.scheduleRead(GAP_GRACE_MS)
  }

  marked(marks: Marks): void {
    this.marker.told(marks)
  }

  moved(position: number | null): void {
    if (position === this.position) return
    this.position = position
    this.touch()
  }

  typed(by: Side): void {
    if (by === this.host.side) return
    this.showTyping(true)
    this.cancelTyping = this.host.clock.after(TYPING_SHOWN_MS, () => this.showTyping(false))
  }

  /** The owner changed. A lower fence is old news. */
  owned(fence: number, ownerId?: string | null): void {
    if (fence < this.fence) return
    this.fence = fence
    if (ownerId !== undefined) this.ownerId = ownerId
    this.touch()
    this.marker.schedule()
  }

  /** The server answered the opening: this is the conversation, under this epoch, this long. */
  opened(id: string, epoch: string, upTo: number): void {
    if (this.id !== null && this.id !== id) return
    this.id = id
    if (this.epoch !== null && this.epoch !== epoch) this.reset()
    this.epoch = epoch
    this.outbox.keepAgain()
    this.saveCursor()
    if (!this.loaded) this.scheduleRead(0)
    this.heardOf(upTo)
    this.outbox.pump()
  }

  adopt(lines: readonly Line[]): void {
    this.outbox.adopt(lines)
  }

  release(which: (line: Line) => boolean): Line[] {
    return this.outbox.release(which)
  }

  /** What holds the lines back will not pass: shown as failed, for the person to decide. */
  fail(failure: Failure): void {
    this.outbox.fail(failure)
  }

  keptElsewhere(): void {
    this.outbox.keptElsewhere()
  }

  keepAgain(): void {
    this.outbox.keepAgain()
    this.saveCursor()
  }

  /** What held the outbox back is over. */
  pump(): void {
    this.outbox.pump()
  }

  /** May be called twice. Nothing is told to anybody afterwards. */
  dispose(): void {
    this.disposed = true
    this.outbox.dispose()
    this.marker.dispose()
    this.cancelRead?.()
    this.cancelTyping()
    this.cancelAttended()
    this.listeners.clear()
  }

  // Reading --------------------------------------------------------------------------------------------

  private get behind(): boolean {
    return (
      lastSeq(this.open) < this.spokenOf ||
      lastSeq(this.desk) < this.deskSpokenOf ||
      this.open.held.size > 0 ||
      this.desk.held.size > 0
    )
  }

  private scheduleRead(delay: number): void {
    if (this.disposed || this.id === null) return
    if (this.reading) {
      this.readAgain = true
      return
    }
    if (this.cancelRead) {
      if (delay > 0) return
      this.cancelRead()
    }
    this.cancelRead = this.host.clock.after(delay, () => {
      this.cancelRead = null
      if (this.host.online && !this.refusal) void this.read()
    })
  }

  private async read(): Promise<void> {
    this.reading = true
    this.readAgain = false
    try {
      while (await this.readPage()) if (this.disposed) return
    } catch (thrown) {
      this.reading = false
      this.readFailed(asRefusal(thrown))
      return
    }
    this.reading = false
    this.readFailures = 0
    if (this.readAgain) {
      this.scheduleRead(this.behind ? GAP_GRACE_MS : 0)
    } else if (this.behind) {
      // The read began after the last word of these seqs and did not find them: they are not there.
      this.spokenOf = 0
      this.deskSpokenOf = 0
    }
  }

  private readFailed(refusal: Refusal): void {
    const { code } = refusal
    // The next connection reads anyway.
    if (this.disposed || code === 'offline' || code === 'ended' || needsToken(code)) return
    if (isTransient(code) || code === 'resync') {
      const pause = Math.min(READ_RETRY_MAX_MS, READ_RETRY_MIN_MS * 2 ** this.readFailures++)
      this.scheduleRead(retryAfter(refusal) ?? pause * (0.5 + this.host.clock.random() / 2))
      return
    }
    this.refusal = refusal
    this.touch()
  }

  /** Reads from the cursors; answers whether to read on. */
  private async readPage(): Promise<boolean> {
    const after = lastSeq(this.open)
    const deskAfter = lastSeq(this.desk)
    let reply: Synced
    try {
      reply = (await this.host.request('chat.sync', {
        conversation_id: this.id,
        after_seq: after,
        epoch: this.epoch ?? UNKNOWN_EPOCH,
        ...(this.host.namespace === '/agent' ? { desk_after_seq: deskAfter } : {}),
      })) as Synced
    } catch (thrown) {
      const refusal = asRefusal(thrown)
      const named = refusal.data['epoch']
      const epoch = typeof named === 'string' ? named : null
      const fromStart = after + deskAfter === 0
      if (refusal.code !== 'resync' || (fromStart && (epoch === null || epoch === this.epoch))) throw refusal
      // Where none was known yet, nothing of another database is here, and the fence that was heard holds.
      if (this.epoch !== null) this.reset()
      this.epoch = epoch
      return true
    }
    if (this.disposed) return false
    if (this.epoch !== null && reply.epoch !== this.epoch) {
      this.reset()
      this.epoch = reply.epoch
      // What was read after a cursor of the old database is of no use.
      if (after + deskAfter > 0) return true
    }
    this.epoch = reply.epoch
    this.take(reply.entries, reply.desk_entries ?? [])
    this.marker.told(reply.marks)
    if (reply.fence !== undefined) this.owned(reply.fence, reply.owner_id ?? null)
    this.confirmed = true
    if (reply.more || reply.desk_more) return true
    this.take(this.early.open, this.early.desk)
    this.early = { open: [], desk: [] }
    // The state is as of the same read; a push may have brought later entries meanwhile.
    if (reply.last_seq === lastSeq(this.open)) {
      this.state = reply.state
      this.agentName = reply.agent_name ?? null
      this.position = reply.position ?? null
    }
    this.loaded = true
    this.saveCursor()
    this.touch()
    this.marker.schedule()
    return false
  }

  /** The database is another one than before (restored): begin at 0. Unsent lines stay. */
  private reset(): void {
    this.open = emptyTrack()
    this.desk = emptyTrack()
    this.marker.reset()
    this.spokenOf = 0
    this.deskSpokenOf = 0
    this.fence = 0
    this.loaded = false
    this.outbox.revive()
    this.touch()
  }

  private keepAttending(): void {
    this.cancelAttended = this.host.clock.after(ATTENDED_SYNC_MS, () => {
      this.scheduleRead(0)
      this.keepAttending()
    })
  }

  /** Takes entries in and draws the conclusions: state, owner's name, place in line, lines that landed. */
  private take(entries: readonly PublicEntry[], desk: readonly DeskEntry[]): void {
    const before = lastSeq(this.open)
    const open = ingestPublic(this.open, entries)
    const notes = ingest(this.desk, desk)
    if (open === this.open && notes === this.desk) return
    this.open = open
    this.desk = notes
    const fresh = open.entries.slice(before)
    for (const entry of fresh) this.conclude(entry)
    this.outbox.landed()
    if (fresh.length > 0) this.marker.delivered(lastSeq(open))
    if (this.loaded) this.saveCursor()
    this.touch()
  }

  private conclude(entry: PublicEntry): void {
    switch (entry.kind) {
      case 'assigned':
        this.agentName = entry.agent_name
        this.position = null
        break
      case 'transferred':
      case 'requeued':
        this.agentName = null
        break
      case 'closed':
        this.state = 'closed'
        this.position = null
        break
      case 'reopened':
        this.state = 'open'
        break
    }
    if (entry.sender.kind !== this.host.side && entry.sender.kind !== 'system') this.showTyping(false)
  }

  private holdsEntryOf(line: Line): boolean {
    const entries = line.content.kind === 'note' ? this.desk.entries : this.open.entries
    const stored = line.seq === undefined ? undefined : entries[line.seq - 1]
    if (stored) return true
    // Newest first: a line's entry is nearly always among the last few.
    for (let index = entries.length - 1; index >= 0; index--) {
      if (entries[index]!.client_id === line.client_id) return true
    }
    return false
  }

  private showTyping(now: boolean): void {
    this.cancelTyping()
    if (now === this.typing) return
    this.typing = now
    this.touch()
  }

  private saveCursor(): void {
    if (this.id === null || this.epoch === null) return
    this.host.cursorMoved({ conversation_id: this.id, epoch: this.epoch, last_seq: lastSeq(this.open) })
  }

  private touch(): void {
    this.snap = null
    if (this.telling || this.disposed) return
    this.telling = true
    queueMicrotask(() => {
      this.telling = false
      if (this.disposed) return
      for (const listener of [...this.listeners]) listener()
      this.host.changed()
    })
  }
}
