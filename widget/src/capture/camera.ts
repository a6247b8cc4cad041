/** The device's camera: the rear one first, never a microphone. */

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

/** Opens the camera. Rejects with a `NoCamera`. */
export async function openCamera(facing: Facing): Promise<Opened> {
  const devices = navigator.mediaDevices as MediaDevices | undefined
  if (!devices?.getUserMedia) throw 'missing' satisfies NoCamera
  let stream: MediaStream
  try {
    stream = await devices.getUserMedia({ audio: false, video: { facingMode: { ideal: facing }, ...WISH } })
  } catch (thrown) {
    throw whyNot(thrown)
  }
  const track = stream.getVideoTracks()[0]!
  const able = (track.getCapabilities?.() ?? {}) as { torch?: boolean }
  const known = await devices.enumerateDevices().catch(() => [])
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
