/** The hand that draws on a picture, by mouse, finger or keys: a stroke begins, goes on and ends as one mark. Pure. */

import type { CallMark, Point } from '@livedesk/protocol'
import type { Board, Shape } from '@livedesk/protocol/CallClient.ts'

export type Tool = 'pointer' | 'arrow' | 'circle' | 'freehand' | 'text'
export const TOOLS: readonly Tool[] = ['pointer', 'arrow', 'circle', 'freehand', 'text']

/** Points of one command (`protocol/call.py`). */
export const MAX_POINTS = 64
/** Characters of a word on the picture (`protocol/call.py`). */
export const MAX_WORD = 60
/** How often a line that is being drawn is sent, after its first point: the other side sees it grow within 150 ms. */
export const SEND_EVERY_MS = 50
/** Nearer than this to the last point is the trembling of a hand. */
const NEAR = 0.003
/** A shorter arrow or a smaller circle was a click. */
const SMALL = 0.012
/** The circle around a place that was only clicked. */
const ROUND = 0.06

/** A stroke under way. `sent` counts its points that are on their way already. */
export interface Stroke {
  readonly tool: Exclude<Tool, 'text'>
  readonly id: string
  readonly from: Point
  readonly to: Point
  readonly points: readonly Point[]
  readonly sent: number
}

/** A mark without whose picture and which frame it lies on. */
export type Drawn =
  | { shape: 'pointer' | 'freehand'; mark_id: string; points: [Point, ...Point[]] }
  | { shape: 'arrow'; mark_id: string; start: Point; end: Point }
  | { shape: 'circle'; mark_id: string; centre: Point; rx: number; ry: number }
  | { shape: 'text'; mark_id: string; at: Point; text: string }

export function begun(tool: Exclude<Tool, 'text'>, id: string, at: Point): Stroke {
  return { tool, id, from: at, to: at, points: [at], sent: 0 }
}

export function moved(stroke: Stroke, to: Point): Stroke {
  const last = stroke.points.at(-1) ?? stroke.from
  const near = Math.hypot(to.x - last.x, to.y - last.y) < NEAR
  return near ? { ...stroke, to } : { ...stroke, to, points: [...stroke.points, to] }
}

/** Whether a stroke is sent while it is drawn; the others are one mark at their end. */
export const flows = (stroke: Stroke): boolean => stroke.tool === 'freehand' || stroke.tool === 'pointer'

/** The next points of a flowing stroke that have not been sent, at most one command's worth; null when there are none. */
export function next(stroke: Stroke): { readonly stroke: Stroke; readonly mark: Drawn } | null {
  if (!flows(stroke)) return null
  const [first, ...rest] = stroke.points.slice(stroke.sent, stroke.sent + MAX_POINTS)
  if (first === undefined) return null
  const mark: Drawn = { shape: stroke.tool as 'pointer' | 'freehand', mark_id: stroke.id, points: [first, ...rest] }
  return { stroke: { ...stroke, sent: stroke.sent + 1 + rest.length }, mark }
}

/** The mark that the stroke is at its end; null for one that flows, and for an arrow that leads nowhere. */
export function ended(stroke: Stroke): Drawn | null {
  const { id: mark_id, from, to } = stroke
  const far = Math.hypot(to.x - from.x, to.y - from.y)
  if (stroke.tool === 'arrow') return far < SMALL ? null : { shape: 'arrow', mark_id, start: from, end: to }
  if (stroke.tool !== 'circle') return null
  if (far < SMALL) return { shape: 'circle', mark_id, centre: from, rx: ROUND, ry: ROUND }
  const [rx, ry] = [Math.abs(to.x - from.x) / 2, Math.abs(to.y - from.y) / 2]
  const centre = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 }
  return { shape: 'circle', mark_id, centre, rx: Math.max(SMALL, rx), ry: Math.max(SMALL, ry) }
}

/** A word for the picture; null when nothing is left of it. */
export function written(mark_id: string, at: Point, text: string): Drawn | null {
  const word = [...text.replaceAll('\0', '').trim()].slice(0, MAX_WORD).join('')
  return word === '' ? null : { shape: 'text', mark_id, at, text: word }
}

/** The mark on a participant's picture, at a frame. */
export const marked = (drawn: Drawn, of: string, frame_at: number): CallMark => ({ ...drawn, of, frame_at }) as CallMark

/** A place of the picture from one in pixels; beside the picture its nearest edge. */
export const placeIn = (size: { readonly width: number; readonly height: number }, x: number, y: number): Point => ({
  x: within(x / size.width),
  y: within(y / size.height),
})

/** The newest mark of mine that is still there: what undo takes back. */
export const lastOf = (board: Board, me: string): Shape | null =>
  board.shapes.filter((shape) => shape.participantId === me).at(-1) ?? null

const within = (value: number): number => (value > 0 ? Math.min(1, value) : 0)

const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/** Where an arrow key takes the hand; null for another key. With Shift in wide steps. */
export function stepped(at: Point, key: string, wide: boolean): Point | null {
  const step = STEPS[key]
  if (step === undefined) return null
  const by = wide ? 0.08 : 0.015
  return { x: within(at.x + step[0] * by), y: within(at.y + step[1] * by) }
}
