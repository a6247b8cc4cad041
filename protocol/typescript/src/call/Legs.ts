import type { Clock } from '../clock.ts'
import { asRefusal, isTransient, Refusal } from '../refusal.ts'
import type { Joined, Track } from '../wire.ts'
import type { CallBrowser } from './browser.ts'
import { CallLeg } from './CallLeg.ts'
import type { Devices } from './Devices.ts'
import { Meter } from './Meter.ts'
import type { Figures } from './quality.ts'
import { keepRejoin, keptRejoin } from './rejoin.ts'
import type { CallSocket } from './socket.ts'

/** An unanswered join means a dead connection rather than a slow server. */
const JOIN_MS = 3_000
/** Where no media come either, a socket that does not answer for so long is as dead: the network beneath changed. */
const PROBE_MS = 500
/** From the answer to a path, or another leg is tried. */
const PATH_MS = 8_000
/** Pauses between attempts, the first and the longest. */
const PAUSE_MS = 250
const PAUSE_MOST_MS = 2_000
/** Refusals of a join that pass while the call lives. */
const WORTH_TRYING: ReadonlySet<string> = new Set(['media_away', 'stale_leg', 'conflict', 'session_expired', 'unauthenticated'])

interface LegsHooks {
  /** The server has a seat and an offer for the next leg. */
  joined(callId: string, joined: Joined): void
  /** It stands. */
  up(callId: string): void
  /** It is gone, and another one is being opened. */
  lost(callId: string): void
  /** No further one is tried. */
  refused(callId: string, refusal: Refusal): void
  /** Streams or figures are others than before. */
  changed(): void
}

/**
 * This page's media in one call at a time, leg after leg: whatever ends one (a lost path, another network, a server
 * that hears nothing, another media process), the next is opened until one stands, is refused, or `close` is called.
 */
export class Legs {
  readonly meter: Meter
  /** A leg is being opened. */
  trying = false
  private current: CallLeg | null = null
  /** The call in which `current` stands. */
  private standing: string | null = null
  /** Rises with every attempt to have media: the earlier ones give up. */
  private run = 0
  private readonly wakers = new Set<() => void>()

  constructor(
    private readonly on: { readonly socket: CallSocket; readonly browser: CallBrowser; readonly clock: Clock },
    private readonly devices: Devices,
    private readonly hooks: LegsHooks,
  ) {
    this.meter = new Meter(on.clock, {
      measured: (leg, figures) => this.measured(leg, figures),
      quiet: () => void this.probe(),
      dead: () => this.lost(),
    })
  }

  /** What the others send, by participant. */
  streamsOf(tracks: readonly Track[]): ReadonlyMap<string, MediaStream> {
    return this.current?.streamsOf(tracks) ?? new Map()
  }

  /** Opens legs until one stands. Rejects with the refusal that ended it. `move`: from another page. */
  async open(callId: string, move: boolean): Promise<void> {
    const run = ++this.run
    this.trying = true
    try {
      for (let failures = 0; run === this.run; failures++) {
        try {
          await this.openOne(callId, move, run)
          return
        } catch (thrown) {
          if (run !== this.run) return
          // What no server and no connection said, this browser said of the offer: it would say it of the next one.
          const refusal = thrown instanceof Refusal ? thrown : new Refusal('description_refused', String(thrown))
          if (!WORTH_TRYING.has(refusal.code) && !isTransient(refusal.code)) {
            this.hooks.refused(callId, refusal)
            throw refusal
          }
          if (refusal.code === 'timeout') this.on.socket.redial()
        }
        await this.nap(Math.min(PAUSE_MOST_MS, PAUSE_MS * 2 ** failures))
      }
    } finally {
      if (run === this.run) this.trying = false
    }
  }

  /** The path is gone: another leg, unless one is being opened already. */
  lost(): void {
    const callId = this.standing
    if (callId === null || this.trying) return
    this.standing = null
    this.meter.rest()
    this.hooks.lost(callId)
    this.open(callId, false).catch(() => {})
  }

  /** The network beneath is another one, as the browser says: neither path nor socket is worth waiting for. */
  moved(): void {
    if (this.standing === null && !this.trying) return
    this.on.socket.redial()
    this.lost()
  }

  /** Whoever looks at the page again finds the leg standing, or another one on its way. */
  seen(): void {
    if (this.current && !this.current.connected) this.lost()
  }

  /** From now on the device's present track goes out. */
  send(kind: 'audio' | 'video'): void {
    this.current?.send(kind, this.devices.track(kind)).catch(() => this.lost())
  }

  /** This page has no media any more, and gives its devices back. */
  close(): void {
    this.run++
    this.trying = false
    this.standing = null
    this.meter.rest()
    this.current?.close()
    this.current = null
    this.devices.close()
    this.wake()
  }

  /** There is a connection again: whoever pauses tries at once. */
  wake(): void {
    for (const wake of [...this.wakers]) wake()
  }

  private async openOne(callId: string, move: boolean, run: number): Promise<void> {
    const { socket, browser, clock } = this.on
    const kept = keptRejoin(browser, callId)
    const token = kept ? { rejoin_token: kept.token } : {}
    const joined = await socket.ask('call.join', { call_id: callId, move, ...token }, JOIN_MS)
    if (run !== this.run) return
    keepRejoin(browser, callId, { token: joined.rejoin_token, participantId: joined.participant_id })
    this.current?.close()
    this.meter.rest()
    let stands: () => void = () => {}
    let fails: () => void = () => {}
    let gone = false
    const path = new Promise<void>((resolve, reject) => {
      stands = resolve
      fails = () => reject(new Refusal('offline', 'No path to the media service was found.'))
    })
    path.catch(() => {})
    const leg = new CallLeg(browser, joined, {
      state: (state) => {
        if (state === 'connected') stands()
        if (state !== 'failed' && state !== 'disconnected') return
        gone = true
        fails()
        if (this.current === leg) this.lost()
      },
      arrived: () => this.hooks.changed(),
    })
    this.current = leg
    this.hooks.joined(callId, joined)
    const cancel = clock.after(PATH_MS, fails)
    try {
      const answer = await leg.answer(this.devices.track('audio'), this.devices.track('video'))
      await socket.ask('call.describe', { call_id: callId, leg_id: joined.leg_id, answer }, JOIN_MS)
      await path
    } finally {
      cancel()
    }
    // What was opened or closed while the answer was made.
    await leg.send('audio', this.devices.track('audio'))
    await leg.send('video', this.devices.track('video'))
    if (run !== this.run) return
    // It had a path, and lost it before it stood: nobody else looks yet.
    if (gone) throw new Refusal('offline', 'The path to the media service was lost.')
    this.standing = callId
    this.meter.follow(leg)
    this.hooks.up(callId)
  }

  /** Nothing came for a second. What silenced the path may have silenced the socket, and no browser says so. */
  private async probe(): Promise<void> {
    const { run } = this
    const { socket } = this.on
    const silent = await socket.ask('call.load', {}, PROBE_MS).then(
      () => false,
      (thrown: unknown) => asRefusal(thrown).code === 'timeout',
    )
    if (!silent || run !== this.run || this.standing === null || !this.meter.figures?.silent) return
    socket.redial()
    this.lost()
  }

  private measured(leg: CallLeg, figures: Figures): void {
    this.hooks.changed()
    this.devices.sent(this.meter.step === 'audio_only' || figures.silent ? null : figures.sentFrames)
    if (this.standing === null) return
    const { roundTripMs: round_trip_ms, sent, received } = figures
    this.on.socket
      .ask('call.report', {
        call_id: this.standing, leg_id: leg.id, round_trip_ms, sent, received, step: this.meter.step,
      })
      // The next report tells.
      .catch(() => {})
  }

  private nap(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.wakers.delete(wake)
        cancel()
        resolve()
      }
      const cancel = this.on.clock.after(ms, wake)
      this.wakers.add(wake)
    })
  }
}
