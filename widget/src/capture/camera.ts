/** The device's camera: the rear one first, never a microphone; during a call the call's own, seen twice. */
import type { DeviceFault, Devices } from '@livedesk/protocol/CallClient.ts'

/** Why there is no picture in the viewfinder; each leads to the phone's own camera. */
export type NoCamera = 'refused' | 'busy' | 'missing'
export type Facing = 'environment' | 'user'

/** More than this no screen shows; less than 1280 no tag can be read from. */
const WISH = { width: { ideal: 1920 }, height: { ideal: 1080 } }

export interface Opened {
  readonly stream: MediaStream
  readonly track: MediaStreamTrack
  readonly hasTorch: boolean
  readonly several: boolean
}

/**
 * Opens the camera. While a call has one open it is that one: phones lend a camera once, and take it from who had
 * it before. Rejects with a `NoCamera`.
 */
export async function openCamera(facing: Facing, ofCall?: Devices): Promise<Opened> {
  return ofCall && ofCall.state.camera !== 'off' ? lent(facing, ofCall) : opened(facing)
}

async function lent(facing: Facing, call: Devices): Promise<Opened> {
  if (call.state.facing !== facing) {
    await call.switchCamera().catch(({ fault }: { fault: DeviceFault }) => {
      throw (fault === 'denied' ? 'refused' : fault === 'in_use' ? 'busy' : 'missing') satisfies NoCamera
    })
  }
  const of = call.track('video')
  if (!of) throw 'busy' satisfies NoCamera
  // A track of one's own: the call ends, or its camera is shut, without the viewfinder's doing, and the other way round.
  const track = of.clone()
  return told(new MediaStream([track]), track)
}

async function opened(facing: Facing): Promise<Opened> {
  const devices = navigator.mediaDevices as MediaDevices | undefined
  if (!devices?.getUserMedia) throw 'missing' satisfies NoCamera
  let stream: MediaStream
  try {
    stream = await devices.getUserMedia({ audio: false, video: { facingMode: { ideal: facing }, ...WISH } })
  } catch (thrown) {
    throw whyNot(thrown)
  }
  return told(stream, stream.getVideoTracks()[0]!)
}

async function told(stream: MediaStream, track: MediaStreamTrack): Promise<Opened> {
  const able = (track.getCapabilities?.() ?? {}) as { torch?: boolean }
  const known = await navigator.mediaDevices.enumerateDevices().catch(() => [])
  const several = known.filter(({ kind }) => kind === 'videoinput').length > 1
  return { stream, track, hasTorch: able.torch === true, several }
}

/** What a refused `getUserMedia` means. */
export function whyNot(thrown: unknown): NoCamera {
  switch ((thrown as Error | undefined)?.name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'refused'
    case 'NotReadableError':
    case 'AbortError':
      return 'busy'
    default:
      return 'missing'
  }
}

export async function setTorch(track: MediaStreamTrack, on: boolean): Promise<void> {
  await track.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] })
}

export const closeCamera = (stream: MediaStream): void => stream.getTracks().forEach((track) => track.stop())
