import type { PublicEntry } from '@livedesk/protocol'
import type { Bridge } from './bridge.ts'
import type { Size } from './messages.ts'
import type { DeskState } from './state.ts'

/** Refusals that only the page around us can cure, by `setIdentity`. */
const IDENTITY_NEEDED: ReadonlySet<string> = new Set(['anonymous_refused', 'identity_invalid', 'identity_expired'])

/** What the page around us is told: how much room we need, what comes, and each count when it changes. */
export class PageAround {
  private pill = { width: 0, height: 0 }
  private told = { unread: -1, position: undefined as number | null | undefined, unsaved: -1 }

  constructor(
    private readonly bridge: Bridge,
    private readonly state: DeskState,
  ) {}

  resize(size: Size): void {
    this.state.size = size
    this.bridge.say({ livedesk: 'size', size, ...this.pill })
  }

  /** How large the pill came out: it is given as much room. */
  measured(width: number, height: number): void {
    if (width === this.pill.width && height === this.pill.height) return
    this.pill = { width, height }
    if (this.state.size === 'pill') this.resize('pill')
  }

  posted(entry: PublicEntry): void {
    if (entry.sender.kind !== 'agent' || (entry.kind !== 'text' && entry.kind !== 'card')) return
    const detail = { kind: entry.kind, agent: entry.sender.name ?? null }
    this.bridge.say({ livedesk: 'event', name: 'message', detail })
  }

  refused(code: string): void {
    if (IDENTITY_NEEDED.has(code)) this.bridge.say({ livedesk: 'event', name: 'identity-needed', detail: code })
  }

  /** `unsaved`: lines and pictures that are gone when the page is left now. */
  counted(unsaved: number): void {
    const { unread, log } = this.state
    if (unread !== this.told.unread) this.bridge.say({ livedesk: 'event', name: 'unread', detail: unread })
    const position = log?.position ?? null
    if (position !== this.told.position) this.bridge.say({ livedesk: 'event', name: 'queue', detail: { position } })
    if (unsaved !== this.told.unsaved) this.bridge.say({ livedesk: 'unsaved', lines: unsaved })
    this.told = { unread, position, unsaved }
  }
}
