/** A desk in memory that speaks the agent's wire: for component tests and for drawing, never in the build. */

import { Refusal, type AgentCommands, type AgentEvents, type Connection, type ConnectionHooks, type Dial, type ErrorCode } from '@livedesk/protocol'
import type {
  AgentSession,
  BookingEntry,
  CaseView,
  Context,
  Desk,
  DeskEntry,
  MarkEntry,
  Marks,
  Me,
  PublicEntry,
  RecordingView,
  Sender,
  Summary,
  Wall,
} from '@livedesk/protocol'
import type { AgentApi } from '../../src/api/http.ts'
import { booked } from '../../src/desk/booking.ts'
import type { World } from '../../src/stores/world.ts'
import { CallsStandIn, callBrowser } from './calls.ts'
import { caseHandlers } from './cases.ts'

export interface Conversation {
  row: Summary
  context: Omit<Context, 'summary' | 'marks'>
  entries: PublicEntry[]
  desk: DeskEntry[]
  marks: Required<Marks>
}

type Name = keyof AgentCommands
type Handlers = { [C in Name]?: (request: AgentCommands[C]['request']) => AgentCommands[C]['reply'] }
type Said = { kind: 'text'; text: string; quote_seq?: number | null } | { kind: 'card'; body: NonNullable<Extract<PublicEntry, { kind?: 'card' }>['body']> }

export class StandIn {
  conversations = new Map<string, Conversation>()
  cases = new Map<string, CaseView>()
  recordings = new Map<string, { view: RecordingView; marks: MarkEntry[] }>()
  /** So many cases are one page of their list. */
  casesPage = 50
  signedIn: Me | null
  sessions: AgentSession[] = []
  wall: Wall = { now: Date.now(), groups: [], seats: [] }
  reachable = true
  /** A booking further back in the log than anybody has read. */
  unseen: { at: number; media: 'video' | 'voice' } | null = null
  /** Commands that are refused from now on, with their code. */
  refusals = new Map<Name, ErrorCode>()
  /** Commands that are never answered. */
  silent = new Set<Name>()
  asked: { name: Name; request: unknown }[] = []
  private hooks: ConnectionHooks | null = null
  private ids = 0

  constructor(
    public desk: Desk,
    public me: Me,
    conversations: readonly Conversation[] = [],
    private readonly delayMs = 5,
  ) {
    this.signedIn = me
    for (const one of conversations) this.conversations.set(one.row.conversation_id, one)
  }

  readonly calling = new CallsStandIn((name, payload) => this.emit(name, payload))
  browser = callBrowser()

  get world(): World {
    return { api: this.api, dial: this.dial, browser: this.browser }
  }

  readonly api: AgentApi = {
    login: async ({ login, password }) => {
      if (!this.reachable) throw new Refusal('offline', 'unreachable')
      if (password !== 'demo') throw new Refusal('login_failed', `no ${login}`)
      return (this.signedIn = this.me)
    },
    logout: async () => {
      this.signedIn = null
      return {}
    },
    me: async () => this.must(),
    sessions: async () => (this.must(), { sessions: this.sessions }),
    endSession: async (id) => {
      this.sessions = this.sessions.filter((one) => one.session_id !== id)
      return {}
    },
    socketToken: async () => (this.must(), { token: 'a-token-used-once', expires_at: Date.now() + 60_000 }),
  }

  private must(): Me {
    if (!this.reachable) throw new Refusal('offline', 'unreachable')
    if (this.signedIn === null) throw new Refusal('unauthenticated', 'nobody')
    return this.signedIn
  }

  readonly dial: Dial = (_token, hooks) => {
    const connection: Connection = {
      send: (command, payload, ack) => this.answer(command as Name, payload, ack),
      close: () => {
        if (this.hooks === hooks) this.hooks = null
      },
    }
    setTimeout(() => {
      if (!this.reachable) return hooks.lost('unreachable')
      this.hooks = hooks
      hooks.opened()
    }, this.delayMs)
    return connection
  }

  /** The connection breaks; nobody gets through until `back`. */
  cut(): void {
    this.reachable = false
    const hooks = this.hooks
    this.hooks = null
    hooks?.lost('cut')
  }

  back(): void {
    this.reachable = true
  }

  emit<E extends keyof AgentEvents>(name: E, payload: AgentEvents[E]): void {
    this.hooks?.event(name, structuredClone(payload))
  }

  private answer(name: Name, request: unknown, ack: (answer: unknown) => void): void {
    this.asked.push({ name, request })
    if (this.silent.has(name)) return
    setTimeout(() => {
      if (this.hooks === null) return
      const code = this.refusals.get(name)
      if (code !== undefined) return ack({ ok: false, error: { code, message: code, data: {} } })
      try {
        ack({ ok: true, data: structuredClone(((this.handlers[name] ?? this.calling.handlers[name as never]) as (request: unknown) => unknown)(request)) })
      } catch (thrown) {
        const refused = thrown instanceof Refusal ? thrown : new Refusal('internal', String(thrown))
        ack({ ok: false, error: { code: refused.code, message: refused.message, data: {} } })
      }
    }, this.delayMs)
  }

  get(id: string): Conversation {
    const found = this.conversations.get(id)
    if (found === undefined) throw new Refusal('not_found', id)
    return found
  }

  private owned(id: string, fence: number): Conversation {
    const found = this.get(id)
    if (found.row.state === 'closed') throw new Refusal('conversation_closed', id)
    if (found.row.fence !== fence || found.row.owner_id !== this.desk.person_id) throw new Refusal('stale_fence', id)
    return found
  }

  private get agent(): Sender {
    return { kind: 'agent', id: this.desk.person_id, name: this.desk.name }
  }

  /** Stores an entry of the public log and tells everyone. */
  post(id: string, sender: Sender, said: Said, clientId: string | null = null): PublicEntry {
    const one = this.get(id)
    const base = { seq: one.row.last_seq + 1, message_id: `m${++this.ids}`, client_id: clientId, sender, sent_at: Date.now() }
    const entry: PublicEntry =
      said.kind === 'text' ? { ...base, kind: 'text', text: said.text, quote_seq: said.quote_seq ?? null } : { ...base, kind: 'card', body: said.body }
    this.append(one, entry, said.kind === 'text' ? said.text : '')
    // The socket that wrote it hears no echo.
    if (sender.id !== this.desk.person_id) this.emit('chat.posted', { conversation_id: id, entry })
    this.changed(id)
    return entry
  }

  /** What becomes of a call for a time, by either side; both sides hear it. */
  book(id: string, sender: Sender, said: Pick<BookingEntry, 'happened' | 'at' | 'media' | 'replaced'>): number {
    const one = this.get(id)
    const entry: PublicEntry = { kind: 'booking', seq: one.row.last_seq + 1, message_id: `m${++this.ids}`, client_id: null, sender, sent_at: Date.now(), ...said }
    this.append(one, entry, null)
    this.emit('chat.posted', { conversation_id: id, entry })
    return entry.seq
  }

  private append(one: Conversation, entry: PublicEntry, preview: string | null): void {
    one.entries.push(entry)
    const buyers = entry.sender.kind === 'buyer'
    const spoken = entry.kind === 'text' || entry.kind === 'card'
    one.row = {
      ...one.row,
      last_seq: entry.seq,
      ...(spoken && preview !== null ? { preview } : {}),
      ...(spoken && buyers ? { owed_since: one.row.owed_since ?? entry.sent_at, unread: (one.row.unread ?? 0) + 1 } : {}),
      ...(spoken && entry.sender.kind === 'agent' ? { owed_since: null } : {}),
    }
  }

  changed(id: string): void {
    this.emit('conversation.changed', { summary: this.get(id).row })
  }

  /** The buyer says something. */
  say(id: string, text: string): void {
    const one = this.get(id)
    this.post(id, { kind: 'buyer', id: one.context.buyer_id, name: one.row.buyer_name }, { kind: 'text', text })
  }

  /** The conversation gets an owner under a new fence. */
  give(id: string, ownerId: string, ownerName: string): void {
    const one = this.get(id)
    one.row = { ...one.row, owner_id: ownerId, owner_name: ownerName, fence: one.row.fence + 1, line: 'active', waiting_since: null }
    const entry: PublicEntry = {
      kind: 'assigned', seq: one.row.last_seq + 1, message_id: `m${++this.ids}`, client_id: null,
      sender: { kind: 'system', id: null, name: null }, sent_at: Date.now(), agent_name: ownerName,
    }
    this.append(one, entry, null)
    this.emit('conversation.taken', { conversation_id: id, owner_id: ownerId, fence: one.row.fence, summary: one.row })
    this.emit('chat.posted', { conversation_id: id, entry })
  }

  private end(id: string, kind: 'closed' | 'reopened'): number {
    const one = this.get(id)
    const base = { seq: one.row.last_seq + 1, message_id: `m${++this.ids}`, client_id: null, sender: this.agent, sent_at: Date.now(), by: 'agent' as const }
    const entry: PublicEntry = kind === 'closed' ? { ...base, kind } : { ...base, kind }
    this.append(one, entry, null)
    one.row =
      kind === 'closed'
        ? { ...one.row, state: 'closed', line: 'done', owed_since: null, closed_at: entry.sent_at }
        : { ...one.row, state: 'open', line: 'active', closed_at: null, fence: one.row.fence + 1, owner_id: this.desk.person_id, owner_name: this.desk.name }
    if (kind === 'closed') this.emit('conversation.closed', { conversation_id: id, seq: entry.seq, by: 'agent' })
    else this.emit('conversation.reopened', { conversation_id: id, seq: entry.seq })
    this.emit('chat.posted', { conversation_id: id, entry })
    this.changed(id)
    return entry.seq
  }

  private list(tab: 'mine' | 'waiting' | 'all'): Summary[] {
    const rows = [...this.conversations.values()].map((one) => one.row)
    if (tab === 'mine') return rows.filter((row) => row.state === 'open' && row.owner_id === this.desk.person_id)
    if (tab === 'waiting') return rows.filter((row) => row.state === 'open' && (row.line === 'waiting' || row.line === 'offered'))
    return rows.sort((a, b) => b.opened_at - a.opened_at)
  }

  private readonly handlers: Handlers = {
    ...caseHandlers(this),
    'file.link': ({ file_ids }) => ({ links: file_ids.map((file_id) => ({ file_id, url: '/console/dev/coat.svg' })), expires_at: Date.now() + 300_000 }),
    'desk.load': () => ({ ...this.desk, now: Date.now() }),
    'presence.set': ({ state, reason }) => {
      this.desk = { ...this.desk, seat: { ...this.desk.seat, state, reason: reason ?? null, since: Date.now() } }
      return this.desk.seat
    },
    'wall.load': () => ({ ...this.wall, now: Date.now() }),
    'conversation.list': ({ tab, before }) => ({
      conversations: this.list(tab).filter((row) => before == null || row.opened_at < before),
      more: false,
    }),
    'conversation.look': ({ conversation_id }) => {
      const one = this.get(conversation_id)
      const cases = [...this.cases.values()].map((view) => view.case).filter((found) => found.conversation_id === conversation_id)
      return { ...one.context, cases, summary: one.row, marks: one.marks }
    },
    'conversation.unlook': () => ({}),
    'conversation.watch': ({ conversation_ids }) => ({
      conversations: conversation_ids.map((id) => this.conversations.get(id)?.row).filter((row) => row !== undefined),
    }),
    'conversation.accept': ({ offer_id }) => {
      const id = offer_id.replace(/^offer-/, '')
      this.give(id, this.desk.person_id, this.desk.name)
      return { conversation_id: id, fence: this.get(id).row.fence }
    },
    'conversation.decline': () => ({}),
    'conversation.transfer': ({ conversation_id, fence, note, group_id, person_id }) => {
      const one = this.owned(conversation_id, fence)
      const name = this.desk.shops.flatMap((shop) => [
        ...shop.groups.map((group) => [group.group_id, group.name] as const),
        ...shop.colleagues.map((colleague) => [colleague.person_id, colleague.name] as const),
      ]).find(([id]) => id === (group_id ?? person_id))?.[1] ?? ''
      one.desk.push({ kind: 'handover', seq: one.row.desk_last_seq + 1, message_id: `m${++this.ids}`, client_id: null, sender: this.agent, sent_at: Date.now(), text: note ?? '', to_name: name })
      one.row = { ...one.row, desk_last_seq: one.row.desk_last_seq + 1, fence: one.row.fence + 1, owner_id: person_id ?? null, owner_name: person_id ? name : null, line: person_id ? 'active' : 'waiting', waiting_since: person_id ? null : Date.now() }
      this.changed(conversation_id)
      return {}
    },
    'conversation.close': ({ conversation_id, fence }) => {
      this.owned(conversation_id, fence)
      return { seq: this.end(conversation_id, 'closed') }
    },
    'conversation.reopen': ({ conversation_id }) => ({
      seq: this.end(conversation_id, 'reopened'),
      fence: this.get(conversation_id).row.fence,
    }),
    'chat.send': (request) => {
      const one = this.owned(request.conversation_id, request.fence)
      const known = one.entries.find((entry) => entry.client_id === request.client_id)
      const said: Said =
        request.kind === 'text'
          ? { kind: 'text', text: request.text, quote_seq: request.quote_seq ?? null }
          : { kind: 'card', body: request.body.card === 'order' ? { ...one.context.orders[0]!.order, card: 'order' } : { ...one.context.product!, card: 'product' } }
      const entry = known ?? this.post(request.conversation_id, this.agent, said, request.client_id)
      return { message_id: entry.message_id, seq: entry.seq, sent_at: entry.sent_at }
    },
    'chat.note': ({ conversation_id, client_id, text }) => {
      const one = this.get(conversation_id)
      const entry: DeskEntry = { kind: 'note', seq: one.row.desk_last_seq + 1, message_id: `m${++this.ids}`, client_id, sender: this.agent, sent_at: Date.now(), text }
      one.desk.push(entry)
      one.row = { ...one.row, desk_last_seq: entry.seq }
      return { message_id: entry.message_id, seq: entry.seq, sent_at: entry.sent_at }
    },
    'chat.recall': ({ conversation_id, client_id, seq, fence }) => {
      const one = this.owned(conversation_id, fence)
      const target = one.entries[seq - 1]
      if (target === undefined || Date.now() - target.sent_at > 120_000) throw new Refusal('recall_refused', 'late')
      const entry: PublicEntry = { kind: 'recall', seq: one.row.last_seq + 1, message_id: `m${++this.ids}`, client_id, sender: this.agent, sent_at: Date.now(), recalled_seq: seq }
      this.append(one, entry, null)
      this.emit('chat.recalled', { conversation_id, entry })
      return { message_id: entry.message_id, seq: entry.seq, sent_at: entry.sent_at }
    },
    'chat.sync': ({ conversation_id, after_seq, desk_after_seq }) => {
      const one = this.get(conversation_id)
      return {
        epoch: this.desk.epoch,
        entries: one.entries.slice(after_seq, after_seq + 200),
        more: one.entries.length > after_seq + 200,
        last_seq: one.row.last_seq,
        state: one.row.state,
        agent_name: one.row.owner_name ?? null,
        position: null,
        marks: one.marks,
        desk_entries: one.desk.slice(desk_after_seq ?? 0),
        desk_more: false,
        desk_last_seq: one.row.desk_last_seq,
        owner_id: one.row.owner_id ?? null,
        fence: one.row.fence,
      }
    },
    'chat.mark': ({ conversation_id, delivered_seq, read_seq }) => {
      const one = this.get(conversation_id)
      one.marks = {
        ...one.marks,
        agent_delivered: Math.max(one.marks.agent_delivered, delivered_seq ?? 0),
        agent_read: Math.max(one.marks.agent_read, read_seq ?? 0),
      }
      if (one.marks.agent_read >= one.row.last_seq) one.row = { ...one.row, unread: 0 }
      return { marks: one.marks }
    },
    'chat.type': () => ({}),
    'call.book': ({ conversation_id, fence, at, media }) => {
      const stood = booked(this.owned(conversation_id, fence).entries, Date.now()) ?? this.unseen
      const replaced = stood && { at: stood.at, media: stood.media }
      return { seq: this.book(conversation_id, this.agent, { happened: 'booked', at, media, replaced }), booking: { at, media } }
    },
    'call.unbook': ({ conversation_id, fence }) => {
      const found = booked(this.owned(conversation_id, fence).entries, Date.now())
      if (found === null) throw new Refusal('not_found', conversation_id)
      return { seq: this.book(conversation_id, this.agent, { happened: 'cancelled', at: found.at, media: found.media }), booking: null }
    },
    'recording.open': ({ recording_id }) => this.recorded(recording_id).view,
    'recording.marks': ({ recording_id, after_seq }) => ({ marks: this.recorded(recording_id).marks.filter((one) => one.seq > after_seq), more: false }),
    'recording.restrict': ({ recording_id, restricted }) => {
      const found = this.recorded(recording_id)
      found.view = { ...found.view, recording: { ...found.view.recording, state: restricted ? 'restricted' : 'kept', code: restricted ? 'restriction_asked' : null } }
      return { recording: found.view.recording }
    },
  }

  private recorded(id: string) {
    const found = this.recordings.get(id)
    if (found === undefined) throw new Refusal('not_found', id)
    return found
  }
}
