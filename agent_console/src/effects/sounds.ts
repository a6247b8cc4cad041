/** Short tones made in the browser, one shape for each thing worth hearing. No sound files, nothing to load. */

import type { SoundName } from '../stores/settings.ts'

interface Tone {
  readonly hz: number
  readonly at: number
  readonly for: number
}

/** Told apart by direction: an offer rises, a call trembles like a bell, a first message is one note, late is a pair, a lost connection falls. */
const TONES: Readonly<Record<SoundName, readonly Tone[]>> = {
  offer: [
    { hz: 523.25, at: 0, for: 0.14 },
    { hz: 659.25, at: 0.13, for: 0.14 },
    { hz: 783.99, at: 0.26, for: 0.26 },
  ],
  call: [0, 0.1, 0.2, 0.3, 0.4, 0.5].map((at, index) => ({ hz: index % 2 === 0 ? 659.25 : 783.99, at, for: 0.1 })),
  first: [{ hz: 880, at: 0, for: 0.22 }],
  overdue: [
    { hz: 587.33, at: 0, for: 0.12 },
    { hz: 587.33, at: 0.2, for: 0.12 },
  ],
  disconnected: [
    { hz: 440, at: 0, for: 0.2 },
    { hz: 329.63, at: 0.18, for: 0.34 },
  ],
}
const LOUDNESS = 0.12
const FADE_S = 0.02

let context: AudioContext | null = null

/** Browsers let a page sound only after a gesture; the first key or click opens the way. */
export function armSounds(): void {
  const open = () => {
    context ??= new AudioContext()
    void context.resume()
  }
  for (const gesture of ['pointerdown', 'keydown'] as const) {
    addEventListener(gesture, open, { once: true, passive: true })
  }
}

export function play(name: SoundName): void {
  if (context === null || context.state !== 'running') return
  const start = context.currentTime
  for (const tone of TONES[name]) {
    const oscillator = new OscillatorNode(context, { type: 'sine', frequency: tone.hz })
    const gain = new GainNode(context, { gain: 0 })
    gain.gain.setValueAtTime(0, start + tone.at)
    gain.gain.linearRampToValueAtTime(LOUDNESS, start + tone.at + FADE_S)
    gain.gain.linearRampToValueAtTime(0, start + tone.at + tone.for)
    oscillator.connect(gain).connect(context.destination)
    oscillator.start(start + tone.at)
    oscillator.stop(start + tone.at + tone.for + FADE_S)
  }
}
