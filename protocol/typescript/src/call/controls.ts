import type { AdjustAsked, CameraControls, Participant } from '../wire.ts'
import type { Devices, DevicesState } from './Devices.ts'

/** What the agent changed of one's camera. */
export type Adjusted = 'torch_on' | 'torch_off' | 'zoomed_in' | 'zoomed_out'

type Flags = Pick<Participant, 'camera' | 'microphone' | 'screen'> & { readonly controls?: CameraControls }

/** What the others are told of one's devices. `sent`: the camera's picture goes out. */
export function flagsOf({ microphone, screen, torch, zoom }: DevicesState, sent: boolean, buyer: boolean): Flags {
  const flags = { camera: sent, microphone: microphone === 'on', screen }
  // Nobody sets the camera of anybody else.
  if (!buyer) return flags
  if (!sent) return { ...flags, controls: { torch: null, zoom: null } }
  return { ...flags, controls: { torch, zoom: zoom && { least: zoom.min, most: zoom.max, now: zoom.now } } }
}

/** What the others know otherwise: nothing, where the zoom stands, or more than that. */
export function differs(known: Participant, flags: Flags): 'none' | 'zoom' | 'more' {
  if (known.camera !== flags.camera || known.microphone !== flags.microphone || known.screen !== flags.screen) return 'more'
  if (!flags.controls) return 'none'
  const before = { torch: known.controls?.torch ?? null, zoom: known.controls?.zoom ?? null }
  const { torch, zoom } = flags.controls
  if (before.torch !== torch || before.zoom?.least !== zoom?.least || before.zoom?.most !== zoom?.most) return 'more'
  return before.zoom?.now === zoom?.now ? 'none' : 'zoom'
}

/**
 * Does with one's own camera what the agent asks, where it is on and can; says what is another now. Neither is a
 * camera turned on by it, nor the one on the other side taken: that stays one's own.
 */
export async function adjust(devices: Devices, { torch, zoom }: Pick<AdjustAsked, 'torch' | 'zoom'>): Promise<Adjusted[]> {
  const before = devices.state
  if (before.camera !== 'on') return []
  const done: Adjusted[] = []
  // Another camera that is in its place meanwhile was not meant.
  const same = () => devices.state.preview === before.preview
  if (typeof torch === 'boolean' && before.torch !== null && torch !== before.torch) {
    await devices.setTorch(torch)
    if (same()) done.push(torch ? 'torch_on' : 'torch_off')
  }
  if (typeof zoom === 'number' && before.zoom && same()) {
    await devices.setZoom(zoom)
    const now = devices.state.zoom?.now ?? before.zoom.now
    if (same() && now !== before.zoom.now) done.push(now > before.zoom.now ? 'zoomed_in' : 'zoomed_out')
  }
  return done
}
