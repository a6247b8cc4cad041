import type { SelftestFinding, SelftestFindings } from '@livedesk/protocol'
import { here, type Abilities } from '../call/probe.ts'
import { closeCamera, openCamera, whyNot } from '../capture/camera.ts'
import type { Browser, Hints } from './browser.ts'

export type Probe = keyof SelftestFindings
export type Found = Pick<Required<SelftestFinding>, 'outcome' | 'detail'>

export const works = (detail = ''): Found => ({ outcome: 'works', detail })
export const fails = (detail = ''): Found => ({ outcome: 'fails', detail })
export const UNTOLD: Found = { outcome: 'untold', detail: '' }
export const UNTRIED: Found = { outcome: 'untried', detail: '' }

/** How long a camera is watched, and how long its first picture is waited for. */
const WATCHED_MS = 1_500
const PATIENCE_MS = 6_000
/** How long somebody is listened to who says nothing; who is heard is done sooner. */
const LISTENED_MS = 6_000
const HEARD_MS = 1_200
/** -30 dBFS: above the noise of a quiet room, below a voice at arm's length. */
const HEARD = 10 ** (-30 / 20)

/** What needs nobody's leave and no network. */
export function seen(browser: Browser, abilities: Abilities): Pick<Record<Probe, Found>, 'secure' | 'app' | 'api' | 'policy' | 'storage' | 'capture' | 'screen'> {
  const { secure, devices, peers, allowed } = here()
  const lacking = [devices ? '' : 'getUserMedia', peers ? '' : 'RTCPeerConnection'].filter(Boolean).join(' ')
  const forbidden = allowed ? [allowed.camera ? '' : 'camera', allowed.microphone ? '' : 'microphone'].filter(Boolean).join(' ') : ''
  return {
    secure: secure ? works() : fails(),
    app: abilities.app ? fails(browser.inside) : works(),
    api: lacking ? fails(lacking) : works(),
    policy: allowed === null ? UNTOLD : forbidden ? fails(forbidden) : works(),
    storage: keeps() ? works() : fails(),
    capture: 'capture' in document.createElement('input') ? works() : fails(),
    screen: typeof mediaDevices()?.getDisplayMedia === 'function' ? works() : fails(),
  }
}

const mediaDevices = (): MediaDevices | undefined => navigator.mediaDevices as MediaDevices | undefined

function keeps(): boolean {
  try {
    localStorage.setItem('livedesk/selftest', '1')
    const kept = localStorage.getItem('livedesk/selftest') === '1'
    localStorage.removeItem('livedesk/selftest')
    return kept
  } catch {
    return false
  }
}

/** What Chromium tells only who asks; nobody is bothered with it. */
export async function hints(): Promise<Hints> {
  const data = (navigator as { userAgentData?: { getHighEntropyValues(names: string[]): Promise<Hints> } }).userAgentData
  return (await data?.getHighEntropyValues(['model', 'platform', 'platformVersion', 'fullVersionList']).catch(() => null)) ?? {}
}

/** Whether an offer of this browser has what calls are carried in. */
export async function codecs(): Promise<Found> {
  if (typeof RTCPeerConnection !== 'function') return fails('VP8 Opus')
  const connection = new RTCPeerConnection()
  try {
    connection.addTransceiver('audio')
    connection.addTransceiver('video')
    const { sdp } = await connection.createOffer()
    const lacking = [/ VP8\/90000/i.test(sdp ?? '') ? '' : 'VP8', / opus\/48000/i.test(sdp ?? '') ? '' : 'Opus'].filter(Boolean)
    return lacking.length ? fails(lacking.join(' ')) : works('VP8 Opus')
  } catch {
    return fails('no offer')
  } finally {
    connection.close()
  }
}

/** A WebSocket to this desk: open, and something heard on it. Nobody signs in. */
export function socket(): Promise<Found> {
  const began = performance.now()
  return new Promise((resolve) => {
    const address = `${location.origin.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`
    const line = new WebSocket(address)
    const end = (found: Found): void => {
      clearTimeout(late)
      line.onmessage = line.onclose = null
      line.close()
      resolve(found)
    }
    const late = setTimeout(() => end(fails('no answer')), PATIENCE_MS)
    line.onmessage = () => end(works(`${Math.round(performance.now() - began)} ms`))
    line.onclose = () => end(fails('closed'))
  })
}

export type OfCamera = Pick<Record<Probe, Found>, 'camera' | 'torch' | 'zoom'>

/** Opens the camera, the rear one first, watches it for a moment in `video`, and closes it. */
export async function camera(video: HTMLVideoElement): Promise<OfCamera> {
  let opened
  try {
    opened = await openCamera('environment')
  } catch (why) {
    return { camera: fails(why as string), torch: UNTRIED, zoom: UNTRIED }
  }
  const { stream, track } = opened
  try {
    const able = typeof track.getCapabilities === 'function' ? (track.getCapabilities() as { torch?: boolean; zoom?: { min: number; max: number } }) : null
    const settings = track.getSettings()
    video.srcObject = stream
    // Some in-app browsers show nothing before they are told to.
    video.play().catch(() => {})
    const shows = await within(PATIENCE_MS, () => video.videoWidth > 0 && video.currentTime > 0)
    const rate = shows ? await framesASecond(video) || Math.round(settings.frameRate ?? 0) : 0
    const size = `${video.videoWidth}x${video.videoHeight}`
    return {
      camera: shows ? works([size, `${rate}fps`, settings.facingMode ?? ''].join(' ').trim()) : fails('no picture'),
      torch: able === null ? UNTOLD : able.torch === true ? works() : fails(),
      zoom: able === null ? UNTOLD : able.zoom && able.zoom.max > able.zoom.min ? works(`${able.zoom.min}-${able.zoom.max}`) : fails(),
    }
  } finally {
    video.srcObject = null
    closeCamera(stream)
  }
}

/** Pictures that came while it was watched; 0 where this browser does not count them. */
async function framesASecond(video: HTMLVideoElement): Promise<number> {
  const count = (): number => video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0
  const [began, first] = [performance.now(), count()]
  await pause(WATCHED_MS)
  return Math.round(((count() - first) * 1_000) / (performance.now() - began))
}

/** Made within the tap: a browser lets nobody else listen. */
export function ear(): AudioContext | null {
  const made = window as unknown as { AudioContext?: typeof AudioContext; webkitAudioContext?: typeof AudioContext }
  const Made = made.AudioContext ?? made.webkitAudioContext
  return Made ? new Made() : null
}

/** Opens the microphone and listens until something is heard; `level` is told how loud it is, 0 … 1. */
export async function microphone(context: AudioContext | null, level: (loud: number) => void): Promise<Found> {
  // Still within the tap, before anything is waited for.
  context?.resume().catch(() => {})
  let stream: MediaStream | null = null
  try {
    const devices = mediaDevices()
    if (!devices?.getUserMedia) return fails('missing')
    stream = await devices.getUserMedia({ audio: true })
    if (!context) return UNTOLD
    const analyser = context.createAnalyser()
    context.createMediaStreamSource(stream).connect(analyser)
    const wave = new Uint8Array(analyser.fftSize)
    let loudest = 0
    let heardAt: number | null = null
    await within(LISTENED_MS, () => {
      analyser.getByteTimeDomainData(wave)
      const now = wave.reduce((most, each) => Math.max(most, Math.abs(each - 128) / 128), 0)
      loudest = Math.max(loudest, now)
      level(now)
      if (loudest >= HEARD) heardAt = heardAt ?? performance.now()
      return heardAt !== null && performance.now() - heardAt > HEARD_MS
    })
    return heardAt === null ? fails('silent') : works(`${Math.round(20 * Math.log10(loudest))} dBFS`)
  } catch (thrown) {
    return fails(whyNot(thrown))
  } finally {
    level(0)
    if (stream) closeCamera(stream)
    context?.close().catch(() => {})
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Looks again and again; false where it was not so in time. */
async function within(ms: number, is: () => boolean): Promise<boolean> {
  for (const until = performance.now() + ms; performance.now() < until; await pause(50)) if (is()) return true
  return false
}
