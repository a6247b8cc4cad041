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
export const BLACK_MS = 300
export const CAMERA: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30, max: 30 },
}

/** Torch and zoom are of W3C image-capture and not in the DOM types. */
interface Wider {
  torch?: boolean
  zoom?: { min: number; max: number; step?: number }
}

/** One's own camera, microphone and screen; usable before there is any call. */
export class Devices {
  private video: MediaStreamTrack | null = null
  private audio: MediaStreamTrack | null = null
  /** Rises with every closing: what is granted after it is given back at once. */
  private epoch = 0
  private cancelBlack: (() => void) | null = null
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
    const video = !!wish.camera && this.current.camera === 'off'
    const audio = !!wish.microphone && !this.audio
    if (!video && !audio) return
    await this.ask(async () => {
      const stream = await this.devices().getUserMedia({
        ...(video ? { video: { ...CAMERA, facingMode: { ideal: this.current.facing } } } : {}),
        ...(audio ? { audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } } : {}),
      })
      return () => {
        if (audio) this.takeAudio(stream.getAudioTracks()[0] ?? null)
        if (video) this.takeVideo(stream.getVideoTracks()[0] ?? null, false)
      }
    })
  }

  /** Off gives the camera back, its light goes out; the others see black, then what the app shows instead. */
  async setCamera(on: boolean): Promise<void> {
    if (on) return this.open({ camera: true })
    if (this.current.camera !== 'off') this.dropVideo()
  }

  /** Off mutes: silence goes out, the microphone stays open so that on is at once. */
  async setMicrophone(on: boolean): Promise<void> {
    if (on && !this.audio) return this.open({ microphone: true })
    if (!this.audio) return
    this.audio.enabled = on
    this.move({ microphone: on ? 'on' : 'muted' }, null)
  }

  /** The other side's camera of the phone. The first one is closed before: many phones open one at a time. */
  async switchCamera(): Promise<void> {
    if (this.current.camera === 'off') return
    const before = this.current.facing
    const facing: Facing = before === 'environment' ? 'user' : 'environment'
    await this.ask(async () => {
      this.video?.stop()
      const opened = (to: Facing) => this.devices().getUserMedia({ video: { ...CAMERA, facingMode: { ideal: to } } })
      let got = facing
      let stream: MediaStream
      try {
        stream = await opened(facing)
      } catch {
        got = before
        stream = await opened(before)
      }
      return () => {
        this.takeVideo(stream.getVideoTracks()[0] ?? null, false)
        this.move({ facing: got }, null)
      }
    })
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
      const stream = await devices.getDisplayMedia({ video: { frameRate: { max: 15 } } })
      return () => this.takeVideo(stream.getVideoTracks()[0] ?? null, true)
    })
  }

  async setTorch(on: boolean): Promise<void> {
    await this.apply({ torch: on })
    this.move({ torch: on }, null)
  }

  async setZoom(to: number): Promise<void> {
    const { zoom } = this.current
    if (!zoom) return
    const now = Math.min(zoom.max, Math.max(zoom.min, to))
    await this.apply({ zoom: now })
    this.move({ zoom: { ...zoom, now } }, null)
  }

  /** The page goes out of sight, or is back: black goes out meanwhile. A shared screen goes on. */
  blank(on: boolean): void {
    if (!this.video || this.current.screen || this.current.camera === (on ? 'blank' : 'on')) return
    this.video.enabled = !on
    this.move({ camera: on ? 'blank' : 'on' }, null)
  }

  /** Gives everything back at once. May be called twice. */
  close(): void {
    this.epoch++
    this.cancelBlack?.()
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

  /** One wish to the browser. What it grants is taken by the answer, unless all was closed meanwhile. */
  private async ask(wish: () => Promise<() => void>): Promise<void> {
    const { epoch } = this
    this.move({ busy: true, fault: null }, null)
    try {
      const take = await wish()
      take()
      if (epoch !== this.epoch) this.close()
      else this.move({ busy: false }, null)
    } catch (thrown) {
      const fault = thrown instanceof DeviceRefused ? thrown.fault : faultOf(thrown)
      if (epoch === this.epoch) {
        if (this.video?.readyState === 'ended') this.dropVideo()
        this.move({ busy: false, fault }, null)
      }
      throw new DeviceRefused(fault)
    }
  }

  private takeAudio(track: MediaStreamTrack | null): void {
    this.audio = track
    if (track) {
      track.onended = () => {
        if (this.audio !== track) return
        this.audio = null
        this.move({ microphone: 'none', fault: 'ended' }, 'audio')
      }
    }
    this.move({ microphone: track ? 'on' : 'none' }, 'audio')
  }

  private takeVideo(track: MediaStreamTrack | null, screen: boolean): void {
    this.cancelBlack?.()
    this.video?.stop()
    this.video = track
    if (track) {
      track.contentHint = screen ? 'detail' : ''
      track.onended = () => {
        if (this.video !== track) return
        this.dropVideo()
        // A screen is ended by the browser's own button: that is no fault.
        if (!screen) this.move({ fault: 'ended' }, null)
      }
    }
    const can = (track && !screen ? track.getCapabilities?.() : undefined) as Wider | undefined
    const now = (track?.getSettings?.() as { zoom?: number } | undefined)?.zoom
    this.move(
      {
        camera: track && !screen ? 'on' : 'off',
        screen: !!track && screen,
        preview: track ? this.browser.stream([track]) : null,
        torch: can?.torch ? false : null,
        zoom: can?.zoom ? { ...can.zoom, step: can.zoom.step || 0.1, now: now ?? can.zoom.min } : null,
      },
      'video',
    )
  }

  private dropVideo(): void {
    const track = this.video
    if (!track) return
    track.onended = null
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

  private async apply(wider: { torch?: boolean; zoom?: number }): Promise<void> {
    try {
      await this.video?.applyConstraints({ advanced: [wider as MediaTrackConstraintSet] })
    } catch {
      throw new DeviceRefused('failed')
    }
  }

  private move(to: Partial<DevicesState>, sent: 'audio' | 'video' | null): void {
    this.current = { ...this.current, ...to }
    this.changed(sent)
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
