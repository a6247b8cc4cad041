/** Media elements that play as one: the first gives the time, the others are kept beside it. */

import { onScopeDispose, ref } from 'vue'

/** The others are put back when they are this far from the first: below what is heard as echo. */
const DRIFT_S = 0.08
/** HTML, `HTMLMediaElement.readyState`: there is something to go on with. */
const HAVE_FUTURE_DATA = 3

/** `expired`: an element could not go on, because its address is no longer good or the connection is gone. */
export function usePlayback(expired: () => void) {
  const elements = new Map<string, HTMLMediaElement>()
  /** Those that got another address and are not yet where the others are. */
  const fresh = new Set<HTMLMediaElement>()
  const at = ref(0)
  /** What a person wants; while something has to be loaded first, `waiting` says so. */
  const playing = ref(false)
  const waiting = ref(false)
  const speed = ref(1)
  const muted = ref<ReadonlySet<string>>(new Set())
  let frame = 0

  const all = () => [...elements.values()]

  function attach(id: string, element: HTMLMediaElement | null): void {
    if (element === null || elements.get(id) === element) {
      if (element === null) elements.delete(id)
      return
    }
    elements.set(id, element)
    element.preload = 'auto'
    element.addEventListener('loadedmetadata', () => {
      element.playbackRate = speed.value
      element.muted = muted.value.has(id)
      if (Math.abs(element.currentTime * 1000 - at.value) > 20) element.currentTime = at.value / 1000
      fresh.delete(element)
      settle()
    })
    element.addEventListener('emptied', () => fresh.add(element))
    for (const name of ['canplay', 'waiting', 'seeked'] as const) element.addEventListener(name, settle)
    element.addEventListener('ended', () => element === all()[0] && ended())
    element.addEventListener('error', () => element.error !== null && expired())
  }

  /** Makes the elements what is wanted: none plays while another has nothing to show. */
  function settle(): void {
    const ready = all().every((one) => one.readyState >= HAVE_FUTURE_DATA || one.ended)
    waiting.value = playing.value && !ready
    for (const one of all()) {
      if (!playing.value || !ready) one.pause()
      else if (one.paused && !one.ended)
        one.play().catch((thrown: unknown) => {
          if (thrown instanceof DOMException && thrown.name === 'NotAllowedError') pause()
        })
    }
    cancelAnimationFrame(frame)
    if (playing.value) frame = requestAnimationFrame(follow)
  }

  function follow(): void {
    const [first, ...others] = all()
    if (first === undefined) return
    if (!first.seeking && !fresh.has(first)) at.value = first.currentTime * 1000
    if (!waiting.value) for (const one of others) if (!one.seeking && Math.abs(one.currentTime - first.currentTime) > DRIFT_S) one.currentTime = first.currentTime
    frame = requestAnimationFrame(follow)
  }

  function ended(): void {
    playing.value = false
    at.value = (all()[0]?.duration ?? 0) * 1000
    settle()
  }

  function play(): void {
    if (all()[0]?.ended) seek(0)
    playing.value = true
    settle()
  }

  function pause(): void {
    playing.value = false
    settle()
  }

  function seek(to: number): void {
    at.value = Math.max(0, to)
    for (const one of all()) if (one.readyState > 0) one.currentTime = at.value / 1000
    settle()
  }

  function setSpeed(to: number): void {
    speed.value = to
    for (const one of all()) one.playbackRate = to
  }

  function mute(id: string, to: boolean): void {
    const now = new Set(muted.value)
    if (to) now.add(id)
    else now.delete(id)
    muted.value = now
    const element = elements.get(id)
    if (element !== undefined) element.muted = to
  }

  onScopeDispose(() => {
    cancelAnimationFrame(frame)
    for (const one of all()) one.pause()
  })

  return { at, playing, waiting, speed, muted, attach, play, pause, toggle: () => (playing.value ? pause() : play()), seek, setSpeed, mute }
}

/** One frame of a file as a picture, without touching what plays. */
export function frameOf(url: string, seconds: number): Promise<HTMLCanvasElement> {
  return new Promise((resolve, reject) => {
    const video = document.createElement('video')
    video.muted = true
    video.preload = 'auto'
    video.addEventListener('error', () => reject(new Error('The frame could not be read.')))
    video.addEventListener('loadedmetadata', () => (video.currentTime = seconds))
    video.addEventListener('seeked', () => {
      const canvas = document.createElement('canvas')
      canvas.width = video.videoWidth
      canvas.height = video.videoHeight
      canvas.getContext('2d')?.drawImage(video, 0, 0)
      video.removeAttribute('src')
      video.load()
      resolve(canvas)
    }, { once: true })
    video.src = url
  })
}
