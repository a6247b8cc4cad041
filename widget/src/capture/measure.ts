/** What a picture's pixels say about it. Pure; the canvas is elsewhere. */
import type { StillEntry } from '@livedesk/protocol'

export type Doubt = NonNullable<StillEntry['doubts']>[number]

/** RGBA rows, as a canvas gives them (ImageData). */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8ClampedArray | Uint8Array
}

export interface Measured {
  /**
   * 0 sharp … 1 blurred: how little is lost when the picture is blurred once more (Crete et al. 2007, "The
   * blur effect"). It compares the picture with itself, so a plain cloth is not taken for a blurred one.
   */
  readonly blur: number
  /** Mean brightness, 0 … 255. */
  readonly mean: number
  /** The part of the picture in which nothing can be told any more: nearly black, nearly white. */
  readonly black: number
  readonly white: number
}

/** The long side at which a picture is measured: what can be read here is still read on the agent's screen. */
export const MEASURED_SIDE = 960
/** Pixels on one line over which the blur is laid. */
const REACH = 4

/**
 * Photographs of goods, people, cloth, print and landscapes measured 0.17 to 0.37 at this size, and 0.4 to 0.7
 * where they were blurred over three of its pixels: what is told is no matter of taste.
 */
const BLURRED = 0.5
/** An indoor photograph with too little light has a mean below, a sheet of paper in the sun one above. */
const DARK_MEAN = 45
const BRIGHT_MEAN = 225
/** Values in which a screen shows nothing any more, and the part of the picture that may have them. */
const BLACK = 16
const WHITE = 250
const LOST = 0.5

export function measure({ width, height, data }: Pixels): Measured {
  const grey = new Float32Array(width * height)
  let sum = 0
  let black = 0
  let white = 0
  for (let pixel = 0, at = 0; pixel < grey.length; pixel++, at += 4) {
    const value = 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!
    grey[pixel] = value
    sum += value
    if (value < BLACK) black++
    else if (value > WHITE) white++
  }
  const count = Math.max(1, grey.length)
  const blur = Math.max(blurAlong(grey, height, width, width, 1), blurAlong(grey, width, height, 1, width))
  return { blur, mean: sum / count, black: black / count, white: white / count }
}

/** `lines` lines of `length` values; `next` from a line to the next, `step` from a value to its neighbour. */
function blurAlong(grey: Float32Array, lines: number, length: number, next: number, step: number): number {
  let edges = 0
  let lost = 0
  for (let line = 0; line < lines; line++) {
    const start = line * next
    let window = 0
    for (let at = 0; at <= 2 * REACH && at < length; at++) window += grey[start + at * step]!
    let before = window
    for (let at = REACH + 1; at + REACH < length; at++) {
      window += grey[start + (at + REACH) * step]! - grey[start + (at - REACH - 1) * step]!
      const edge = Math.abs(grey[start + at * step]! - grey[start + (at - 1) * step]!)
      edges += edge
      lost += Math.max(0, edge - Math.abs(window - before) / (2 * REACH + 1))
      before = window
    }
  }
  return edges === 0 ? 1 : (edges - lost) / edges
}

/** What to doubt about a picture, the worst first. In the dark everything is blurred: then only that is told. */
export function doubtsOf({ blur, mean, black, white }: Measured): Doubt[] {
  if (mean < DARK_MEAN || black > LOST) return ['dark']
  const doubts: Doubt[] = []
  if (mean > BRIGHT_MEAN || white > LOST) doubts.push('bright')
  if (blur > BLURRED) doubts.unshift('blurred')
  return doubts
}
