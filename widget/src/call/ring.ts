/** Sounds of a ring, drawn by the browser itself. Where it may not sound, the screen and the phone's shaking say it. */
export class Ring {
  private context: AudioContext | null = null
  private timer: ReturnType<typeof setInterval> | undefined

  /** `here`: it rings at this device; else one hears that it rings at the other. */
  start(here: boolean): void {
    if (this.timer !== undefined) return
    const beat = (): void => {
      this.tone(here ? 660 : 440, here ? 0.35 : 0.8, here ? 0.12 : 0.05)
      if (here) navigator.vibrate?.([250, 120, 250])
    }
    beat()
    this.timer = setInterval(beat, here ? 1_500 : 3_000)
  }

  /** May be called twice. */
  stop(): void {
    clearInterval(this.timer)
    this.timer = undefined
    void this.context?.close().catch(() => {})
    this.context = null
  }

  private tone(hertz: number, seconds: number, loudness: number): void {
    try {
      const context = (this.context ??= new AudioContext())
      if (context.state !== 'running') return
      const tone = context.createOscillator()
      const gain = context.createGain()
      tone.frequency.value = hertz
      gain.gain.setValueAtTime(0, context.currentTime)
      gain.gain.linearRampToValueAtTime(loudness, context.currentTime + 0.03)
      gain.gain.linearRampToValueAtTime(0, context.currentTime + seconds)
      tone.connect(gain).connect(context.destination)
      tone.start()
      tone.stop(context.currentTime + seconds)
    } catch {
      // A browser without sound of this kind.
    }
  }
}
