import type { Size } from '../src/messages.ts'

/** What can be seen of the merchant's page: smaller than the window while a keyboard is up. */
export interface Viewport {
  /** The window. */
  width: number
  height: number
  /** The part that is not under a keyboard: its height and its distance from the window's top. */
  visible: number
  top: number
}

export interface Place {
  side: 'left' | 'right'
  /** Distance of the pill from the bottom, in px: where the page's own controls leave room. */
  bottom: number
}

/** Where a call's tile rests: dragged elsewhere it goes to the nearest corner. */
export interface Corner {
  side: 'left' | 'right'
  edge: 'top' | 'bottom'
}

/** Left, top, width and height in px of the window. */
export interface Box {
  left: number
  top: number
  width: number
  height: number
}

/** Up to this width it is a phone: the sheet is as wide as the window. */
export const PHONE_WIDTH = 640
/** Of the stream at least this much stays in sight above the keyboard, or nothing. */
export const STREAM_STRIP = 120
/** A sheet lower than this could not show a message above its input. */
const SHEET_LEAST = 280
const PANEL = { width: 400, height: 640 }
const TILE = { width: 116, height: 206 }
const GAP = 16
/** So high a live room's own head is on a phone: host, viewers, the way out. */
const HEAD = 64

export const isPhone = (view: Viewport): boolean => view.width < PHONE_WIDTH

/**
 * Where the frame stands. Pure, so that no size ever depends on what was before.
 *
 * A tile that nobody has dragged begins at the top on a phone: below is what the page sells.
 */
export function geometry(
  size: Size,
  view: Viewport,
  place: Place,
  pill: { width: number; height: number },
  corner: Corner = { side: place.side, edge: isPhone(view) ? 'top' : 'bottom' },
): Box {
  const bottom = view.top + view.visible
  const atSide = (width: number, height: number, above: number, side = place.side): Box => ({
    left: side === 'left' ? GAP : Math.max(0, view.width - GAP - width),
    top: Math.max(view.top, bottom - above - height),
    width,
    height,
  })
  switch (size) {
    case 'hidden':
      return { left: 0, top: 0, width: 0, height: 0 }
    case 'pill':
      return atSide(pill.width, pill.height, place.bottom)
    case 'tile': {
      const box = atSide(TILE.width, TILE.height, place.bottom, corner.side)
      return corner.edge === 'top' ? { ...box, top: view.top + (isPhone(view) ? HEAD : GAP) } : box
    }
    case 'full':
      return { left: 0, top: view.top, width: view.width, height: view.visible }
    case 'sheet': {
      if (!isPhone(view)) return atSide(PANEL.width, Math.min(PANEL.height, view.visible - 2 * GAP), GAP)
      const height = sheetHeight(view.visible)
      return { left: 0, top: bottom - height, width: view.width, height }
    }
  }
}

/** A tile that is dragged, kept within what is visible. */
export function dragged(box: Box, x: number, y: number, view: Viewport): Box {
  const within = (value: number, most: number): number => Math.max(0, Math.min(most, value))
  const left = within(box.left + x, view.width - box.width)
  return { ...box, left, top: view.top + within(box.top - view.top + y, view.visible - box.height) }
}

/** The corner that a tile let go of here goes to. */
export function cornerOf(box: Box, view: Viewport): Corner {
  const side = box.left + box.width / 2 < view.width / 2 ? 'left' : 'right'
  return { side, edge: box.top + box.height / 2 < view.top + view.visible / 2 ? 'top' : 'bottom' }
}

/** About 72 % of what is visible; with a keyboard up all but a strip of the stream, or everything. */
export function sheetHeight(visible: number): number {
  if (visible >= 560) return Math.round(visible * 0.72)
  return visible - STREAM_STRIP >= SHEET_LEAST ? visible - STREAM_STRIP : visible
}
