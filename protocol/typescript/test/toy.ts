/**
 * A toy world for the log client: a clock that one turns by hand, a desk that follows the rules of the
 * wire, and a network between them that loses, doubles, reorders and breaks as it is told.
 */
import type { Clock } from '../src/clock.ts'
import type { Connection, ConnectionHooks, Dial } from '../src/connection.ts'
import { Refusal } from '../src/refusal.ts'
import type { BuyerSynced, DeskEntry, ErrorCode, Marks, PublicEntry } from '../src/wire.ts'

/** mulberry32: small, seeded, good enough to choose a misfortune. */
export function dice(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Time that passes only in `pass`; between two instants every promise settles. */
export class ToyClock implements Clock {
  private time = 1_700_000_000_000
  private order = 0
  private timers: { at: number; order: number; call: () => void }[] = []

  constructor(readonly random: () => number) {}

  now = (): number => this.time

  after = (ms: number, call: () => void): (() => void) => {
    const timer = { at: this.time + Math.max(0, ms), order: this.order++, call }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((one) => one !== timer)
    }
  }

  /** Lets `ms` go by; `each` looks at the world after every instant in which something happened. */
  async pass(ms: number, each: () => void = () => {}): Promise<void> {
    const until = this.time + ms
    await settle()
    for (;;) {
      let next: (typeof this.timers)[number] | undefined
      for (const timer of this.timers) {
        if (timer.at > until) continue
        if (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer
      }
      if (!next) break
      this.timers = this.timers.filter((one) => one !== next)
      this.time = next.at
      next.call()
      await settle()
      each()
    }
    this.time = until
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export interface Weather {
  /** Chances, 0 to 1. */
  loseCommand: number
  loseAck: number
  losePush: number
  doublePush: number
  /** Answers `retry` without doing anything. */
  sayRetry: number
  /** The most a push may be late, in ms; late ones are overtaken. */
  latePush: number
}
export const CALM: Weather = {
  loseCommand: 0,
  loseAck: 0,
  losePush: 0,
  doublePush: 0,
  sayRetry: 0,
  latePush: 0,
}

interface Wire {
  hooks: ConnectionHooks
  namespace: '/buyer' | '/agent'
  open: boolean
  up: number
  down: number
}

export interface ToyConversation {
  id: string
  entries: PublicEntry[]
  desk: DeskEntry[]
  answers: Map<string, unknown>
  marks: Required<Marks>
  state: 'open' | 'closed'
  fence: number
  ownerId: string | null
}

/** A desk with one buyer: every rule of `chat.*` and `conversation.*` that a client can feel. */
export class ToyDesk {
  epoch = 'e1'
  conversations = new Map<string, ToyConversation>()
  weather: Weather = { ...CALM }
  /** While it says so, connections are refused with this code. */
  refuseWith: ErrorCode | null = null
  reachable = true
  /** Every entry that was ever stored, by epoch: what a screen may show a prefix of. */
  readonly histories = new Map<string, ToyConversation>()
  /** Every line whose positive answer was sent, lost on the way or not. */
  readonly stored = new Set<string>()
  /** Products that no catalogue knows. */
  readonly unknownProducts = new Set<string>()
  readonly heard: { command: string; payload: Record<string, unknown> }[] = []
  page = 200
  private wires = new Set<Wire>()
  private made = 0

  constructor(
    readonly clock: ToyClock,
    private readonly random: () => number = clock.random,
  ) {}

  dial =
    (namespace: '/buyer' | '/agent'): Dial =>
    (_token: string, hooks: ConnectionHooks): Connection => {
      const wire: Wire = { hooks, namespace, open: false, up: 0, down: 0 }
      let closed = false
      this.clock.after(5 + this.random() * 40, () => {
        if (closed) return
        if (!this.reachable) hooks.lost('unreachable')
        else if (this.refuseWith) hooks.refused(new Refusal(this.refuseWith, this.refuseWith))
        else {
          wire.open = true
          this.wires.add(wire)
          hooks.opened()
        }
      })
      return {
        send: (command, payload, ack) => {
          const copy = structuredClone(payload) as Record<string, unknown>
          if (!wire.open || this.random() < this.weather.loseCommand) return
          // One TCP stream: commands arrive in the order in which they were sent.
          wire.up = Math.max(wire.up, this.clock.now() + 1 + this.random() * 30)
          this.clock.after(wire.up - this.clock.now(), () => {
            if (!wire.open) return
            const answer = this.answer(wire.namespace, command, copy)
            if (this.random() < this.weather.loseAck) return
            wire.down = Math.max(wire.down, this.clock.now() + 1 + this.random() * 30)
            this.clock.after(wire.down - this.clock.now(), () => {
              if (wire.open) ack(structuredClone(answer))
            })
          })
        },
        close: () => {
          closed = true
          wire.open = false
          this.wires.delete(wire)
        },
      }
    }

  /** Breaks every connection, as a restart or a tunnel does. */
  cut(): void {
    for (const wire of [...this.wires]) {
      wire.open = false
      this.wires.delete(wire)
      wire.hooks.lost('cut')
    }
  }

  /** Says something by itself, to everyone. */
  say(name: string, payload: unknown, namespaces: readonly string[] = ['/buyer', '/agent']): void {
    for (const wire of this.wires) {
      if (!namespaces.includes(wire.namespace)) continue
      const copies = this.random() < this.weather.losePush ? 0 : this.random() < this.weather.doublePush ? 2 : 1
      for (let copy = 0; copy < copies; copy++) {
        const late = 1 + this.random() * (10 + this.weather.latePush)
        this.clock.after(late, () => {
          if (wire.open) wire.hooks.event(name, structuredClone(payload))
        })
      }
    }
  }

  /** The database of an earlier moment: some of the newest entries are gone, the epoch is another. */
  restore(losing: number): void {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`
    for (const conversation of [...this.conversations.values()]) {
      const kept = structuredClone(conversation)
      kept.entries = kept.entries.slice(0, Math.max(0, kept.entries.length - losing))
      kept.desk = []
      kept.answers = new Map(
        [...kept.answers].filter(([, answer]) => ((answer as { seq?: number }).seq ?? 0) <= kept.entries.length),
      )
      const end = kept.entries.length
      for (const name of Object.keys(kept.marks) as (keyof Marks)[]) kept.marks[name] = Math.min(kept.marks[name], end)
      kept.state = kept.entries.reduce<'open' | 'closed'>(
        (state, entry) => (entry.kind === 'closed' ? 'closed' : entry.kind === 'reopened' ? 'open' : state),
        'open',
      )
      for (const entry of kept.entries) {
        const recalled = kept.entries.some((one) => one.kind === 'recall' && one.recalled_seq === entry.seq)
        const original = this.originals.get(entry.message_id)
        if (!recalled && entry.kind === 'text' && original !== undefined) {
          Object.assign(entry, { text: original, recalled: false })
        }
      }
      if (kept.entries.length === 0) this.conversations.delete(conversation.id)
      else this.conversations.set(conversation.id, kept)
    }
    for (const [id, conversation] of this.conversations) this.histories.set(`${this.epoch}/${id}`, conversation)
    this.cut()
  }
  private readonly originals = new Map<string, string>()

  /** A conversation that a buyer opened, without a buyer to run. */
  begin(): string {
    return (this.open() as { conversation_id: string }).conversation_id
  }

  buyerSays(id: string, text: string): void {
    const conversation = this.conversations.get(id)!
    this.append(conversation, { kind: 'text', text, quote_seq: null, recalled: false }, 'buyer', null)
  }

  agentSays(id: string, text: string): void {
    const conversation = this.conversations.get(id)
    if (conversation?.state !== 'open') return
    this.append(conversation, { kind: 'text', text, quote_seq: null, recalled: false }, 'agent', null)
  }

  note(id: string, text: string): void {
    const conversation = this.conversations.get(id)!
    this.appendNote(conversation, text, null)
  }

  close(id: string): void {
    const conversation = this.conversations.get(id)
    if (conversation?.state !== 'open') return
    conversation.state = 'closed'
    const entry = this.append(conversation, { kind: 'closed', by: 'agent' }, 'agent', null)
    this.say('conversation.closed', { conversation_id: id, seq: entry.seq, by: 'agent' })
  }

  own(id: string, ownerId: string | null): void {
    const conversation = this.conversations.get(id)!
    conversation.fence += 1
    conversation.ownerId = ownerId
    const summary = { conversation_id: id, fence: conversation.fence, owner_id: ownerId, last_seq: 0, desk_last_seq: 0 }
    this.say('conversation.changed', { summary }, ['/agent'])
  }

  private answer(namespace: string, command: string, payload: Record<string, unknown>): unknown {
    this.heard.push({ command, payload })
    const refuse = (code: string, data: Record<string, unknown> = {}): unknown => ({
      ok: false,
      error: { code, message: code, data },
    })
    if (this.random() < this.weather.sayRetry) return refuse('retry')
    const ok = (data: unknown): unknown => ({ ok: true, data })
    if (command === 'conversation.open') {
      return this.unknownProducts.has(String(payload['product_id'])) ? refuse('not_found') : ok(this.open())
    }
    const conversation = this.conversations.get(payload['conversation_id'] as string)
    if (!conversation) return refuse('not_found')
    const clientId = payload['client_id'] as string
    const known = clientId === undefined ? undefined : conversation.answers.get(clientId)
    if (known) return ok(known)
    const side = namespace === '/buyer' ? 'buyer' : 'agent'
    const remember = (entry: { seq: number; message_id: string; sent_at: number }): unknown => {
      const sent = { message_id: entry.message_id, seq: entry.seq, sent_at: entry.sent_at }
      conversation.answers.set(clientId, sent)
      this.stored.add(clientId)
      return ok(sent)
    }
    if ((command === 'chat.send' || command === 'chat.recall') && side === 'agent') {
      if (payload['fence'] !== conversation.fence) return refuse('stale_fence')
    }
    switch (command) {
      case 'chat.send':
        if (conversation.state === 'closed') return refuse('conversation_closed')
        if (payload['kind'] === 'card') {
          const body = { ...(payload['body'] as object), title: 'A card' } as never
          return remember(this.append(conversation, { kind: 'card', body, recalled: false }, side, clientId))
        }
        return remember(
          this.append(
            conversation,
            { kind: 'text', text: payload['text'] as string, quote_seq: null, recalled: false },
            side,
            clientId,
          ),
        )
      case 'chat.note':
        return remember(this.appendNote(conversation, payload['text'] as string, clientId))
      case 'chat.recall': {
        const target = conversation.entries[(payload['seq'] as number) - 1]
        if (conversation.state === 'closed') return refuse('conversation_closed')
        if (target?.kind !== 'text' || target.sender.kind !== side || target.recalled) return refuse('recall_refused')
        conversation.entries[target.seq - 1] = { ...target, text: null, recalled: true }
        return remember(this.append(conversation, { kind: 'recall', recalled_seq: target.seq }, side, clientId))
      }
      case 'chat.sync':
        return this.sync(namespace, conversation, payload, ok, refuse)
      case 'chat.mark': {
        const end = conversation.entries.length
        for (const [field, mark] of [
          ['delivered_seq', `${side}_delivered`],
          ['read_seq', `${side}_read`],
        ] as const) {
          const asked = Math.min(end, (payload[field] as number | undefined) ?? 0)
          conversation.marks[mark] = Math.max(conversation.marks[mark], asked)
        }
        this.say('chat.marked', { conversation_id: conversation.id, marks: conversation.marks })
        return ok({ marks: conversation.marks })
      }
      case 'chat.type':
        this.say('chat.typing', { conversation_id: conversation.id, by: side })
        return ok({})
      case 'conversation.reopen': {
        conversation.state = 'open'
        return remember(this.append(conversation, { kind: 'reopened', by: 'buyer' }, side, clientId))
      }
      default:
        return refuse('unknown_command')
    }
  }

  private open(): unknown {
    let current = [...this.conversations.values()].find((one) => one.state === 'open')
    if (!current) {
      current = {
        id: `c${++this.made}`,
        entries: [],
        desk: [],
        answers: new Map(),
        marks: { buyer_delivered: 0, buyer_read: 0, agent_delivered: 0, agent_read: 0 },
        state: 'open',
        fence: 1,
        ownerId: null,
      }
      this.conversations.set(current.id, current)
      this.histories.set(`${this.epoch}/${current.id}`, current)
      this.append(current, { kind: 'card', body: { card: 'context' }, recalled: false }, 'system', null)
    }
    return { conversation_id: current.id, epoch: this.epoch, last_seq: current.entries.length, position: 1 }
  }

  private sync(
    namespace: string,
    conversation: ToyConversation,
    payload: Record<string, unknown>,
    ok: (data: unknown) => unknown,
    refuse: (code: string, data?: Record<string, unknown>) => unknown,
  ): unknown {
    const after = payload['after_seq'] as number
    const deskAfter = (payload['desk_after_seq'] as number | undefined) ?? 0
    if (payload['epoch'] !== this.epoch) return refuse('resync', { epoch: this.epoch })
    const entries = conversation.entries.slice(after, after + this.page)
    const reply: BuyerSynced & Record<string, unknown> = {
      epoch: this.epoch,
      entries,
      more: after + entries.length < conversation.entries.length,
      last_seq: conversation.entries.length,
      state: conversation.state,
      agent_name: null,
      position: null,
      marks: conversation.marks,
    }
    if (namespace === '/agent') {
      const desk = conversation.desk.slice(deskAfter, deskAfter + this.page)
      Object.assign(reply, {
        desk_entries: desk,
        desk_more: deskAfter + desk.length < conversation.desk.length,
        desk_last_seq: conversation.desk.length,
        owner_id: conversation.ownerId,
        fence: conversation.fence,
      })
    }
    return ok(reply)
  }

  private append(
    conversation: ToyConversation,
    content: { kind: string } & Record<string, unknown>,
    side: 'buyer' | 'agent' | 'system',
    clientId: string | null,
  ): PublicEntry {
    const seq = conversation.entries.length + 1
    const entry = {
      seq,
      message_id: `${this.epoch}-${conversation.id}-${seq}`,
      client_id: clientId,
      sender: { kind: side, id: null, name: null },
      sent_at: this.clock.now(),
      ...content,
    } as unknown as PublicEntry
    conversation.entries.push(entry)
    if (entry.kind === 'text' && entry.text !== null) this.originals.set(entry.message_id, entry.text)
    const name = entry.kind === 'recall' ? 'chat.recalled' : 'chat.posted'
    this.say(name, { conversation_id: conversation.id, log: 'public', entry })
    return entry
  }

  private appendNote(conversation: ToyConversation, text: string, clientId: string | null): DeskEntry {
    const seq = conversation.desk.length + 1
    const entry: DeskEntry = {
      seq,
      message_id: `${this.epoch}-${conversation.id}-d${seq}`,
      client_id: clientId,
      sender: { kind: 'agent', id: null, name: null },
      sent_at: this.clock.now(),
      kind: 'note',
      text,
    }
    conversation.desk.push(entry)
    this.say('chat.noted', { conversation_id: conversation.id, log: 'desk', entry }, ['/agent'])
    return entry
  }
}

/** localStorage of one browser as its tabs see it: one content, and each hears what the others change. */
export class ToyBrowser {
  readonly content = new Map<string, string>()
  private tabs = new Set<EventTarget>()
  full = false

  tab(): { storage: Storage; page: EventTarget; close(): void } {
    const page = new EventTarget()
    this.tabs.add(page)
    const tell = (key: string): void => {
      for (const other of this.tabs) {
        if (other === page) continue
        other.dispatchEvent(Object.assign(new Event('storage'), { key }))
      }
    }
    const { content } = this
    const isFull = (): boolean => this.full
    const storage: Storage = {
      get length() {
        return content.size
      },
      key: (index) => [...content.keys()][index] ?? null,
      getItem: (key) => content.get(key) ?? null,
      setItem: (key, value) => {
        if (isFull()) throw new DOMException('full', 'QuotaExceededError')
        content.set(key, value)
        tell(key)
      },
      removeItem: (key) => {
        if (content.delete(key)) tell(key)
      },
      clear: () => content.clear(),
    }
    return { storage, page, close: () => void this.tabs.delete(page) }
  }
}
