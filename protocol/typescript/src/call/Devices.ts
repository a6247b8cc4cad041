import type { Clock } from '../clock.ts'
import type { CallBrowser } from './browser.ts'

/**
 * Why a camera, a microphone or a screen is not to be had. `denied`: the person or a policy said no.
 * `missing`: there is none. `in_use`: another app holds it. `unsupported`: this browser has no way to it.
 * `ended`: it was taken away in the middle (unplugged, a phone call). `failed`: anything else.
 */
export type DeviceFault = 'denied' | 'missing' | 'in_use' | 'unsupported' | 'ended' | 'failed'

export class DeviceRefused extends Error {
  override readonly name = 'DeviceRefused'
  constructor(readonly fault: DeviceFault) {
    super(fault)
  }
}

export type Facing = 'environment' | 'user'

export interface DevicesState {
  /** A camera is open and its picture may go out; a blank one sends black while the page is out of sight. */
  readonly camera: 'off' | 'on' | 'blank'
  /** `none` was never opened or not to be had; a muted one sends silence. */
  readonly microphone: 'none' | 'on' | 'muted'
  readonly screen: boolean
  readonly facing: Facing
  /** What goes out as picture, for one's own eyes: show it without sound. */
  readonly preview: MediaStream | null
  /** null where the present camera has no light. */
  readonly torch: boolean | null
  /** null where the present camera cannot. */
  readonly zoom: { readonly min: number; readonly max: number; readonly step: number; readonly now: number } | null
  /** A change is under way: buttons wait. */
  readonly busy: boolean
  /** Why the last wish was not fulfilled, or what was taken away. */
  readonly fault: DeviceFault | null
}

/** Long enough that the black picture is on its way before the camera is given back. */
const BLACK_MS = 300
/** What the system gives back by itself to a page in sight again, it gives back within this. */
const BACK_MS = 500
/** Taken this long before the page went out of sight, a device was taken by what hid the page: a phone call. */
const BEFORE_HIDDEN_MS = 2_000
/** Chromium on Android knows of torch and zoom only some time after a camera is open (mediacapture-image, issue 169). */
const CAPABLE_AFTER_MS: readonly number[] = [300, 700, 2_000]
/** Seconds without a frame of an open camera before it is opened anew; doubled each time that did not help. */
export const DEAD_AFTER = 3
const DEAD_AFTER_MOST = 48
const SOUND: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }
const CAMERA: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30, max: 30 },
}

type Kind = 'audio' | 'video'

/** Torch and zoom are of W3C image-capture and not in the DOM types. */
interface Wider {
  torch?: boolean
  zoom?: { min: number; max: number; step?: number }
}

/**
 * One's own camera, microphone and screen; usable before there is any call. Of each one is open at most.
 *
 * A phone call or another app takes devices away, with an event or without: what was taken while the page was out
 * of sight is opened again when it is back in sight, and a camera that is on and gives no frame is opened anew.
 */
export class Devices {
  private video: MediaStreamTrack | null = null
  private audio: MediaStreamTrack | null = null
  /** Rises with every closing: what is granted after it is given back at once. */
  private epoch = 0
  /** The wish that is with the browser; the next one waits for it. */
  private asking: Promise<void> | null = null
  /** The page is out of sight and sends black. */
  private blanked = false
  private cancelBlack: (() => void) | null = null
  private cancelBack: (() => void) | null = null
  /** Ids of the devices that the person chose; empty: the browser's choice. */
  private readonly chosen: Record<Kind, string> = { audio: '', video: '' }
  /** Since when the page is out of sight; null: it is in sight. */
  private hiddenAt: number | null = null
  /** When the system took one, as far as it says so; Infinity: it would not give it back either. */
  private readonly takenAt: Record<Kind, number | null> = { audio: null, video: null }
  private dead = { seconds: 0, after: DEAD_AFTER }
  private current: DevicesState

  constructor(
    private readonly browser: CallBrowser,
    private readonly clock: Clock,
    facing: Facing,
    /** Calls after every change; `sent` says which track goes out another one than before. */
    private readonly changed: (sent: 'audio' | 'video' | null) => void,
  ) {
    this.current = {
      camera: 'off',
      microphone: 'none',
      screen: false,
      facing,
      preview: null,
      torch: null,
      zoom: null,
      busy: false,
      fault: null,
    }
  }

  get state(): DevicesState {
    return this.current
  }

  track(kind: 'audio' | 'video'): MediaStreamTrack | null {
    return kind === 'audio' ? this.audio : this.video
  }

  /**
   * Asks for what is wished and not yet open, in one question to the person. Throws `DeviceRefused`; what was
   * open before stays open.
   */
  async open(wish: { camera?: boolean; microphone?: boolean }): Promise<void> {
    const closed = () => ({ video: !!wish.camera && this.current.camera === 'off', audio: !!wish.microphone && !this.audio })
    if (!closed().video && !closed().audio) return
    await this.ask(async () => {
      // What an earlier wish has opened meanwhile is not opened twice.
      const { video, audio } = closed()
      if (!video && !audio) return null
      return this.devices().getUserMedia({
        ...(video ? { video: this.wished('video') } : {}),
        ...(audio ? { audio: this.wished('audio') } : {}),
      })
    })
  }

  /**
   * From now on this microphone or camera, empty for the browser's choice; an open one is changed at once. Throws
   * `DeviceRefused` where it is not to be had: then all is as before.
   */
  async choose(kind: Kind, deviceId: string): Promise<void> {
    const before = this.chosen[kind]
    this.chosen[kind] = deviceId
    const open = kind === 'audio' ? this.audio !== null : this.current.camera !== 'off'
    if (!open) return
    const exactly = deviceId ? { deviceId: { exact: deviceId } } : {}
    try {
      await this.ask(() => this.devices().getUserMedia({ [kind]: { ...this.wished(kind), ...exactly } }))
    } catch (thrown) {
      this.chosen[kind] = before
      throw thrown
    }
  }

  /** Off gives the camera back, its light goes out; the others see black, then what the app shows instead. */
  async setCamera(on: boolean): Promise<void> {
    if (on) return this.open({ camera: true })
    this.takenAt.video = null
    if (this.current.camera !== 'off') this.dropVideo()
  }

  /** Off mutes: silence goes out, the microphone stays open so that on is at once. */
  async setMicrophone(on: boolean): Promise<void> {
    if (on && !this.audio) return this.open({ microphone: true })
    this.takenAt.audio = null
    if (!this.audio) return
    this.audio.enabled = on
    this.move({ microphone: on ? 'on' : 'muted' }, null)
  }

  /** The other side's camera of the phone. The first one is closed before: many phones open one at a time. */
  async switchCamera(): Promise<void> {
    if (this.current.camera === 'off') return
    const before = this.current.facing
    const facing: Facing = before === 'environment' ? 'user' : 'environment'
    this.chosen.video = ''
    let got = facing
    const opened = (to: Facing) => this.devices().getUserMedia({ video: { ...CAMERA, facingMode: { ideal: to } } })
    await this.ask(async () => {
      this.video?.stop()
      try {
        return await opened(facing)
      } catch {
        got = before
        return opened(before)
      }
    })
    if (this.video) this.move({ facing: got }, null)
  }

  /** Shows a screen instead of the camera; off gives it back and leaves the camera off. */
  async shareScreen(on: boolean): Promise<void> {
    if (!on) {
      if (this.current.screen) this.dropVideo()
      return
    }
    await this.ask(async () => {
      const devices = this.devices()
      if (!('getDisplayMedia' in devices)) throw new DeviceRefused('unsupported')
      return devices.getDisplayMedia({ video: { frameRate: { max: 15 } } })
    }, true)
  }

  async setTorch(on: boolean): Promise<void> {
    if (await this.apply({ torch: on })) this.move({ torch: on }, null)
  }

  async setZoom(to: number): Promise<void> {
    const { zoom } = this.current
    if (!zoom) return
    const now = Math.min(zoom.max, Math.max(zoom.min, to))
    if (await this.apply({ zoom: now })) this.move({ zoom: { ...zoom, now } }, null)
  }

  /** The page goes out of sight, or is back: black goes out meanwhile. A shared screen goes on. */
  blank(on: boolean): void {
    this.blanked = on
    if (!this.video || this.current.screen || this.current.camera === (on ? 'blank' : 'on')) return
    this.video.enabled = !on
    this.move({ camera: on ? 'blank' : 'on' }, null)
  }

  /** The page is out of sight, or back in it: what was taken away meanwhile is opened again. */
  seen(shown: boolean): void {
    this.cancelBack?.()
    const { hiddenAt } = this
    this.hiddenAt = shown ? null : (hiddenAt ?? this.clock.now())
    if (!shown || hiddenAt === null) return
    this.cancelBack = this.clock.after(BACK_MS, () => {
      for (const kind of ['audio', 'video'] as const) {
        const since = this.takenAt[kind]
        if (since !== null && since >= hiddenAt - BEFORE_HIDDEN_MS) void this.again(kind)
      }
    })
  }

  /** Once a second in a call: the frames of one's own picture that went out since; null where nobody counts. */
  sent(frames: number | null): void {
    const { dead } = this
    if (frames !== 0 || this.current.camera !== 'on' || this.hiddenAt !== null) {
      if (frames) dead.after = DEAD_AFTER
      dead.seconds = 0
    } else if (++dead.seconds >= dead.after && !this.asking) {
      this.dead = { seconds: 0, after: Math.min(DEAD_AFTER_MOST, dead.after * 2) }
      void this.again('video')
    }
  }

  /** Gives everything back at once. May be called twice. */
  close(): void {
    this.epoch++
    this.asking = null
    this.takenAt.audio = this.takenAt.video = null
    this.dead = { seconds: 0, after: DEAD_AFTER }
    this.cancelBlack?.()
    this.cancelBack?.()
    for (const track of [this.video, this.audio]) track?.stop()
    this.video = this.audio = null
    const none = { camera: 'off', microphone: 'none', screen: false, preview: null, torch: null, zoom: null } as const
    this.move({ ...none, busy: false, fault: null }, null)
  }

  private devices(): MediaDevices {
    const { devices } = this.browser
    if (!devices) throw new DeviceRefused('unsupported')
    return devices
  }

  private wished(kind: Kind): MediaTrackConstraints {
    const deviceId = this.chosen[kind]
    if (kind === 'audio') return deviceId ? { ...SOUND, deviceId: { ideal: deviceId } } : SOUND
    return deviceId ? { ...CAMERA, deviceId: { ideal: deviceId } } : { ...CAMERA, facingMode: { ideal: this.current.facing } }
  }

  /**
   * One wish to the browser after the other; null: it is fulfilled already. What is granted takes the place of what
   * was open; after all was closed, it is given back.
   */
  private async ask(wish: () => Promise<MediaStream | null>, screen = false): Promise<void> {
    const { epoch } = this
    // The first one is asked at once: a screen may be asked for only in the very turn of a click.
    while (this.asking && epoch === this.epoch) await this.asking
    if (epoch !== this.epoch) return
    let over: () => void = () => {}
    const asking = new Promise<void>((resolve) => (over = resolve))
    this.asking = asking
    this.move({ busy: true, fault: null }, null)
    try {
      const stream = await wish()
      if (epoch !== this.epoch) return stream?.getTracks().forEach((track) => track.stop())
      for (const track of stream?.getTracks() ?? []) {
        if (track.kind === 'audio') this.takeAudio(track)
        else this.takeVideo(track, screen)
      }
    } catch (thrown) {
      const fault = thrown instanceof DeviceRefused ? thrown.fault : faultOf(thrown)
      if (epoch === this.epoch) {
        if (this.video?.readyState === 'ended') this.dropVideo()
        this.move({ fault }, null)
      }
      throw new DeviceRefused(fault)
    } finally {
      over()
      if (this.asking === asking) {
        this.asking = null
        this.move({ busy: false }, null)
      }
    }
  }

  /** What was taken is opened anew; where it is not to be had, `fault` says so. */
  private async again(kind: Kind): Promise<void> {
    const { epoch } = this
    try {
      await this.ask(async () => {
        // Given back, or given up by the person, while this waited.
        if (this.takenAt[kind] === null && (kind === 'audio' || this.current.camera !== 'on')) return null
        // Two of one camera would share what has died.
        if (kind === 'video') this.video?.stop()
        return this.devices().getUserMedia({ [kind]: this.wished(kind) })
      })
    } catch {
      if (epoch === this.epoch) this.takenAt[kind] = Infinity
    }
  }

  /** Notes when the system takes the track; calls `ended` when it does so for good. */
  private follow(kind: Kind, track: MediaStreamTrack, ended: () => void): void {
    const note = (at: number | null): void => {
      if (this.track(kind) === track) this.takenAt[kind] = at
    }
    note(null)
    track.onmute = () => note(this.clock.now())
    track.onunmute = () => note(null)
    track.onended = () => {
      if (this.track(kind) !== track) return
      this.takenAt[kind] = this.clock.now()
      ended()
    }
  }

  /** In the place of another it is muted as that was. */
  private takeAudio(track: MediaStreamTrack): void {
    const muted = this.current.microphone === 'muted'
    this.audio?.stop()
    this.audio = track
    track.enabled = !muted
    this.follow('audio', track, () => {
      this.audio = null
      // Who was not to be heard is not to be heard by surprise.
      if (this.current.microphone === 'muted') this.takenAt.audio = null
      this.move({ microphone: 'none', fault: 'ended' }, 'audio')
    })
    this.move({ microphone: muted ? 'muted' : 'on' }, 'audio')
  }

  private takeVideo(track: MediaStreamTrack, screen: boolean): void {
    this.cancelBlack?.()
    this.video?.stop()
    this.video = track
    track.contentHint = screen ? 'detail' : ''
    track.enabled = screen || !this.blanked
    this.follow('video', track, () => {
      this.dropVideo()
      // A screen is ended by the browser's own button: that is no fault.
      if (screen) this.takenAt.video = null
      else this.move({ fault: 'ended' }, null)
    })
    this.move(
      {
        camera: screen ? 'off' : this.blanked ? 'blank' : 'on',
        screen,
        preview: this.browser.stream([track]),
        ...(screen ? { torch: null, zoom: null } : canBeSet(track)),
      },
      'video',
    )
    if (!screen) this.lookAgain(track, CAPABLE_AFTER_MS)
  }

  /** What can be set of the camera, once the browser knows it. */
  private lookAgain(track: MediaStreamTrack, [next, ...later]: readonly number[]): void {
    if (next === undefined) return
    this.clock.after(next, () => {
      if (this.video !== track || this.current.camera === 'off') return
      const { torch, zoom } = canBeSet(track)
      const found = { ...(this.current.torch === null && torch !== null ? { torch } : {}), ...(this.current.zoom === null && zoom ? { zoom } : {}) }
      if (Object.keys(found).length > 0) this.move(found, null)
      this.lookAgain(track, later)
    })
  }

  private dropVideo(): void {
    const track = this.video
    if (!track) return
    track.onended = track.onmute = track.onunmute = null
    track.enabled = false
    this.cancelBlack?.()
    this.cancelBlack = this.clock.after(BLACK_MS, () => {
      this.cancelBlack = null
      track.stop()
      if (this.video !== track) return
      this.video = null
      this.changed('video')
    })
    this.move({ camera: 'off', screen: false, preview: null, torch: null, zoom: null }, null)
  }

  /** Whether it holds: meanwhile another camera may be in its place, which was asked nothing. */
  private async apply(wider: { torch?: boolean; zoom?: number }): Promise<boolean> {
    const { video } = this
    try {
      await video?.applyConstraints({ advanced: [wider as MediaTrackConstraintSet] })
    } catch {
      if (video === this.video) throw new DeviceRefused('failed')
    }
    return video !== null && video === this.video && this.current.camera !== 'off'
  }

  private move(to: Partial<DevicesState>, sent: 'audio' | 'video' | null): void {
    this.current = { ...this.current, ...to }
    this.changed(sent)
  }
}

/** Torch and zoom as the browser tells them now. */
function canBeSet(track: MediaStreamTrack): Pick<DevicesState, 'torch' | 'zoom'> {
  const can = track.getCapabilities?.() as Wider | undefined
  const now = (track.getSettings?.() as { zoom?: number } | undefined)?.zoom
  // A browser's word is not taken for more than it can be: a zoom without a way to go is none.
  const zoom = can?.zoom && can.zoom.min < can.zoom.max ? can.zoom : null
  return {
    torch: can?.torch ? false : null,
    zoom: zoom && { ...zoom, step: zoom.step || 0.1, now: Math.min(zoom.max, Math.max(zoom.min, now ?? zoom.min)) },
  }
}

/** W3C mediacapture-streams, section 10.2: what `getUserMedia` rejects with. */
function faultOf(thrown: unknown): DeviceFault {
  switch ((thrown as { name?: string } | null)?.name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'denied'
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing'
    case 'NotReadableError':
    case 'AbortError':
      return 'in_use'
    case 'TypeError':
      return 'unsupported'
    default:
      return 'failed'
  }
}
