import { asRefusal, FileAddresses, isTransient, type Clock, type FileLinks, type FileStored, type LinkFiles, type Refusal, type ShotList } from '@livedesk/protocol'
import { shallowReactive } from 'vue'
import type { Doubt } from './measure.ts'
import type { Taken } from './picture.ts'

/** Bounds of the pause after a picture did not get through. A connection that comes back ends it. */
const PAUSE_MIN_MS = 1_000
const PAUSE_MAX_MS = 30_000

/** Where a picture belongs. */
export interface Spot {
  readonly conversation: string
  readonly list: number
  readonly shot: number
}

/** `sent`: it is in its place, and the log will say so. */
export interface Upload extends Spot {
  readonly key: string
  readonly picture: Taken
  readonly state: 'waiting' | 'sending' | 'held' | 'failed' | 'sent'
  /** 0 … 1 */
  readonly part: number
  readonly fileId: string | null
  readonly refusal: Refusal | null
}

export interface Fill {
  readonly conversation_id: string
  readonly client_id: string
  readonly list_seq: number
  readonly shot: number
  readonly file_id: string
  readonly doubts: Doubt[]
}

/** The desk, as far as pictures need it. */
export interface Carrier {
  readonly clock: Clock
  newClientId(): string
  put(conversation: string, clientId: string, picture: Blob, signal: AbortSignal, progress: (part: number) => void): Promise<FileStored>
  fill(fill: Fill): Promise<unknown>
  links(fileIds: LinkFiles['file_ids']): Promise<FileLinks>
  /** How many pictures would be lost with the page. */
  changed(unsent: number): void
}

/**
 * The pictures on their way, one after the other, in the order in which they were taken. Each goes on until the
 * desk has it or says why not, under the same client ids, however often the line breaks; leaving the capture
 * screen changes nothing. The log says what has arrived: nothing of it is kept here for a reload.
 */
export class Uploads {
  readonly state = shallowReactive<{ all: readonly Upload[] }>({ all: [] })
  private readonly addresses: FileAddresses
  /** Pictures of this page under their file's id: shown without asking for them back. */
  private readonly own = new Map<string, string>()
  private readonly clientIds = new Map<string, { file: string; entry: string }>()
  private readonly aborts = new Map<string, AbortController>()
  private running = false
  private failures = 0
  private wakeUp: () => void = () => {}

  constructor(private readonly carrier: Carrier) {
    this.addresses = new FileAddresses((ids) => carrier.links(ids), carrier.clock)
  }

  /** Sends a picture. One that is on its way to the same place is not sent any more. */
  add(spot: Spot, picture: Taken): void {
    const before = this.at(spot)
    if (before) this.cancel(before.key)
    const key = this.carrier.newClientId()
    this.clientIds.set(key, { file: key, entry: this.carrier.newClientId() })
    this.set([...this.state.all, { ...spot, key, picture, state: 'waiting', part: 0, fileId: null, refusal: null }])
    void this.run()
  }

  at(spot: Spot): Upload | null {
    return this.of(spot.conversation, spot.list).find((one) => one.shot === spot.shot) ?? null
  }

  of(conversation: string, list: number): Upload[] {
    return this.state.all.filter((one) => one.conversation === conversation && one.list === list)
  }

  retry(key: string): void {
    this.change(key, { state: 'waiting', refusal: null })
    void this.run()
    this.wake()
  }

  cancel(key: string): void {
    this.aborts.get(key)?.abort()
    const one = this.state.all.find((each) => each.key === key)
    if (!one) return
    if (one.state !== 'sent') URL.revokeObjectURL(one.picture.url)
    this.set(this.state.all.filter((each) => each.key !== key))
    this.clientIds.delete(key)
  }

  /** The connection is back. */
  wake(): void {
    this.failures = 0
    this.wakeUp()
  }

  /** What the log shows needs no carrying any more. */
  settle(conversation: string, lists: readonly ShotList[]): void {
    const shown = new Set(lists.flatMap(({ shots }) => shots.map(({ still }) => still?.file_id)))
    const left = this.state.all.filter((one) => one.conversation !== conversation || one.state !== 'sent' || !shown.has(one.fileId!))
    if (left.length < this.state.all.length) this.set(left)
  }

  /** Another person, or none: nothing of this one goes on. */
  dropAll(): void {
    for (const one of [...this.state.all]) this.cancel(one.key)
    for (const url of this.own.values()) URL.revokeObjectURL(url)
    this.own.clear()
  }

  /** Where a picture that was sent can be seen. */
  async address(fileId: string): Promise<string> {
    return this.own.get(fileId) ?? this.addresses.urlOf(fileId)
  }

  /** An address did not work. */
  forget(fileId: string): void {
    this.addresses.forget(fileId)
  }

  private async run(): Promise<void> {
    if (this.running) return
    this.running = true
    try {
      for (;;) {
        const next = this.state.all.find((one) => one.state === 'waiting' || one.state === 'held')
        if (!next) return
        await this.carry(next)
      }
    } finally {
      this.running = false
    }
  }

  private async carry(one: Upload): Promise<void> {
    const { file, entry } = this.clientIds.get(one.key)!
    const abort = new AbortController()
    this.aborts.set(one.key, abort)
    this.change(one.key, { state: 'sending', part: 0 })
    try {
      const stored = await this.carrier.put(one.conversation, file, one.picture.blob, abort.signal, (part) => this.change(one.key, { part }))
      if (abort.signal.aborted) return
      this.own.set(stored.file_id, one.picture.url)
      const fill = { conversation_id: one.conversation, client_id: entry, list_seq: one.list, shot: one.shot, file_id: stored.file_id }
      await this.carrier.fill({ ...fill, doubts: [...one.picture.doubts] })
      this.failures = 0
      this.change(one.key, { state: 'sent', part: 1, fileId: stored.file_id })
    } catch (thrown) {
      if (abort.signal.aborted) return
      const refusal = asRefusal(thrown)
      if (!isTransient(refusal.code)) this.change(one.key, { state: 'failed', refusal })
      else await this.hold(one.key)
    } finally {
      this.aborts.delete(one.key)
    }
  }

  /** Waits before the next try; woken by a connection, a wish to retry, or a cancelled picture. */
  private async hold(key: string): Promise<void> {
    this.change(key, { state: 'held', part: 0 })
    const { clock } = this.carrier
    const pause = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** this.failures++) * (0.5 + clock.random() / 2)
    await new Promise<void>((resolve) => {
      const cancel = clock.after(pause, resolve)
      this.wakeUp = () => {
        cancel()
        resolve()
      }
    })
  }

  private change(key: string, to: Partial<Upload>): void {
    this.set(this.state.all.map((one) => (one.key === key ? { ...one, ...to } : one)))
  }

  private set(all: readonly Upload[]): void {
    this.state.all = all
    this.carrier.changed(all.filter((one) => one.state !== 'sent').length)
  }
}
