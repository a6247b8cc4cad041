import { effectScope } from 'vue'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { usePlayback } from '../src/effects/playback.ts'

/** What a media element does, as far as it is asked; a test says what it has loaded. */
class Element extends EventTarget {
  currentTime = 0
  readyState = 4
  paused = true
  ended = false
  seeking = false
  muted = false
  preload = ''
  playbackRate = 1
  duration = 60
  error: { code: number } | null = null

  play(): Promise<void> {
    this.paused = false
    return Promise.resolve()
  }
  pause(): void {
    this.paused = true
  }
  says(name: string, changes: Partial<Element> = {}): void {
    Object.assign(this, changes)
    this.dispatchEvent(new Event(name))
  }
}

let scope = effectScope()
beforeEach(() => (scope = effectScope()))
afterEach(() => scope.stop())
const frame = () => new Promise<void>((resolve) => requestAnimationFrame(() => resolve()))

function two() {
  let expired = 0
  const playback = scope.run(() => usePlayback(() => void expired++))!
  const elements = [new Element(), new Element()] as const
  elements.forEach((one, place) => playback.attach(`p${place}`, one as unknown as HTMLMediaElement))
  return { playback, elements, expired: () => expired }
}

describe('elements that play as one', () => {
  it('play together, and none while another has nothing to show', () => {
    const { playback, elements: [first, second] } = two()
    playback.play()
    expect([first.paused, second.paused]).toEqual([false, false])
    second.says('waiting', { readyState: 2 })
    expect([first.paused, second.paused, playback.waiting.value]).toEqual([true, true, true])
    second.says('canplay', { readyState: 4 })
    expect([first.paused, second.paused, playback.waiting.value]).toEqual([false, false, false])
  })

  it('are kept in step by the first, from where one was put', async () => {
    const { playback, elements: [first, second] } = two()
    playback.seek(7_000)
    expect([first.currentTime, second.currentTime]).toEqual([7, 7])
    playback.play()
    first.currentTime = 8
    await frame()
    await frame()
    expect([playback.at.value, second.currentTime]).toEqual([8_000, 8])
  })

  it('go on where they were under another address, when theirs has run out', async () => {
    const { playback, elements: [first, second], expired } = two()
    playback.seek(9_000)
    playback.play()
    first.says('error', { error: { code: 2 } })
    expect(expired()).toBe(1)
    first.says('emptied', { currentTime: 0, readyState: 0, error: null })
    await frame()
    first.says('loadedmetadata', { readyState: 4 })
    await frame()
    expect([first.currentTime, second.currentTime, playback.at.value, first.paused]).toEqual([9, 9, 9_000, false])
  })

  it('begin again after the end, at the speed and as silent as they were', () => {
    const { playback, elements: [first, second] } = two()
    playback.setSpeed(1.5)
    playback.mute('p1', true)
    playback.play()
    first.says('ended', { ended: true, currentTime: 60 })
    expect([playback.playing.value, playback.at.value]).toEqual([false, 60_000])
    playback.play()
    expect([playback.at.value, first.playbackRate, second.muted]).toEqual([0, 1.5, true])
  })
})
