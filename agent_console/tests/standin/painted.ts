/** Pictures that move, for drawing the console without a camera. */

import type { Tracks } from './calls.ts'

/** A bottle on a table in slow motion, upright as phones hold it; silence for sound. */
export const painted: Tracks = (kind) => {
  if (kind === 'audio') {
    const context = new AudioContext()
    return context.createMediaStreamDestination().stream.getAudioTracks()[0]!
  }
  const canvas = Object.assign(document.createElement('canvas'), { width: 720, height: 1280 })
  const context = canvas.getContext('2d')!
  const paint = (at: number) => {
    const sway = Math.sin(at / 900) * 24
    context.fillStyle = '#b9a58a'
    context.fillRect(0, 0, 720, 1280)
    context.fillStyle = '#8c7657'
    context.fillRect(0, 900, 720, 380)
    context.fillStyle = '#2f6b4f'
    context.fillRect(270 + sway, 420, 180, 560)
    context.fillRect(320 + sway, 300, 80, 130)
    context.fillStyle = '#f1e6d2'
    context.fillRect(270 + sway, 600, 180, 200)
    requestAnimationFrame(paint)
  }
  requestAnimationFrame(paint)
  return canvas.captureStream(25).getVideoTracks()[0]!
}
