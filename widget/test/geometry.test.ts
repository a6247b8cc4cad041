import { describe, expect, test } from 'vitest'
import { cornerOf, dragged, geometry, PHONE_WIDTH, sheetHeight, STREAM_STRIP, type Corner, type Viewport } from '../loader/geometry.ts'

const phone: Viewport = { width: 375, height: 812, visible: 812, top: 0 }
const desktop: Viewport = { width: 1440, height: 900, visible: 900, top: 0 }
const right = { side: 'right' as const, bottom: 16 }
const pill = { width: 100, height: 60 }

describe('where the frame stands', () => {
  test('a phone gets a sheet of about 72 %, at the bottom', () => {
    expect(geometry('sheet', phone, right, pill)).toEqual({ left: 0, top: 227, width: 375, height: 585 })
  })

  test('a desktop gets a panel of 400 by 640 in its corner', () => {
    expect(geometry('sheet', desktop, right, pill)).toEqual({ left: 1024, top: 244, width: 400, height: 640 })
    expect(geometry('sheet', desktop, { ...right, side: 'left' }, pill).left).toBe(16)
  })

  test('a low window never cuts the panel', () => {
    const box = geometry('sheet', { ...desktop, height: 500, visible: 500 }, right, pill)
    expect(box).toMatchObject({ top: 16, height: 468 })
  })

  test('with the keyboard up a strip of the stream stays, or the sheet takes everything', () => {
    const typing = { ...phone, visible: 476 }
    expect(geometry('sheet', typing, right, pill)).toEqual({ left: 0, top: STREAM_STRIP, width: 375, height: 356 })
    expect(geometry('sheet', { ...phone, visible: 320, top: 40 }, right, pill)).toMatchObject({ top: 40, height: 320 })
  })

  test.each(Array.from({ length: 80 }, (_, index) => 200 + index * 10))(
    'at %i px of height the sheet leaves a strip of 120 px or nothing, and never reaches out of sight',
    (visible) => {
      const height = sheetHeight(visible)
      expect(height).toBeLessThanOrEqual(visible)
      expect(visible - height === 0 || visible - height >= STREAM_STRIP).toBe(true)
    },
  )

  test('the pill is as large as it says, above what the page keeps free', () => {
    expect(geometry('pill', phone, { side: 'right', bottom: 96 }, pill)).toEqual({ left: 259, top: 656, width: 100, height: 60 })
  })

  test('a call is a tile of 116 by 206, full is everything that can be seen', () => {
    expect(geometry('tile', phone, right, pill)).toMatchObject({ width: 116, height: 206 })
    expect(geometry('tile', desktop, right, pill)).toMatchObject({ width: 116, height: 206 })
    expect(geometry('full', { ...phone, visible: 500, top: 10 }, right, pill)).toEqual({ left: 0, top: 10, width: 375, height: 500 })
    expect(geometry('hidden', phone, right, pill)).toMatchObject({ width: 0, height: 0 })
  })

  test('one pixel decides between phone and desktop', () => {
    expect(geometry('sheet', { ...phone, width: PHONE_WIDTH - 1 }, right, pill).width).toBe(PHONE_WIDTH - 1)
    expect(geometry('sheet', { ...phone, width: PHONE_WIDTH }, right, pill).width).toBe(400)
  })
})

describe('the tile of a call', () => {
  const at = (corner: Corner) => geometry('tile', phone, { side: 'right', bottom: 96 }, pill, corner)

  test('begins on a phone under the head of the page, far from what it sells, and on a desktop where the panel was', () => {
    expect(geometry('tile', phone, right, pill)).toMatchObject({ left: 243, top: 64 })
    expect(geometry('tile', { ...phone, top: 30 }, { ...right, side: 'left' }, pill)).toMatchObject({ left: 16, top: 94 })
    expect(geometry('tile', desktop, right, pill)).toMatchObject({ left: 1308, top: 678 })
  })

  test('rests in a corner, at the bottom above what the page keeps free', () => {
    expect(at({ side: 'right', edge: 'bottom' })).toEqual({ left: 243, top: 510, width: 116, height: 206 })
    expect(at({ side: 'left', edge: 'top' })).toEqual({ left: 16, top: 64, width: 116, height: 206 })
  })

  test('follows the finger within the window and goes to the nearest corner', () => {
    const from = at({ side: 'right', edge: 'bottom' })
    expect(dragged(from, -40, -30, phone)).toMatchObject({ left: 203, top: 480 })
    expect(dragged(from, 9_999, 9_999, phone)).toMatchObject({ left: 259, top: 606 })
    expect(cornerOf(dragged(from, -9_999, 0, phone), phone)).toEqual({ side: 'left', edge: 'bottom' })
    expect(cornerOf(dragged(from, 0, -9_999, phone), phone)).toEqual({ side: 'right', edge: 'top' })
  })
})
