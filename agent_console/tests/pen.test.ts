import { EMPTY_BOARD, type Shape } from '@livedesk/protocol/CallClient.ts'
import { describe, expect, it } from 'vitest'
import { MAX_POINTS, MAX_WORD, begun, ended, lastOf, marked, moved, next, placeIn, stepped, written } from '../src/desk/pen.ts'

const BUYER = 'buyer-1'

describe('the pen', () => {
  const at = (x: number, y = 0.5) => ({ x, y })

  it('makes an arrow and a circle at the end of a stroke; an arrow that leads nowhere is none', () => {
    expect(ended(moved(begun('arrow', 'a', at(0.1)), at(0.4)))).toEqual({ shape: 'arrow', mark_id: 'a', start: at(0.1), end: at(0.4) })
    expect(ended(begun('arrow', 'a', at(0.1)))).toBeNull()
    expect(ended(moved(begun('circle', 'c', at(0.25, 0.25)), at(0.75)))).toMatchObject({ centre: at(0.5, 0.375), rx: 0.25, ry: 0.125 })
    expect(ended(begun('circle', 'c', at(0.2)))).toMatchObject({ centre: at(0.2), rx: 0.06 })
  })

  it('sends a line as it grows, each point once, and never more than a command holds', () => {
    let stroke = begun('freehand', 'f', at(0))
    for (let step = 1; step < MAX_POINTS + 6; step++) stroke = moved(stroke, at(step / 100))
    stroke = moved(stroke, at((MAX_POINTS + 5) / 100 + 0.001))
    const first = next(stroke)!
    const second = next(first.stroke)!
    expect([first.mark, second.mark].map((mark) => 'points' in mark && mark.points.length)).toEqual([MAX_POINTS, 6])
    expect(next(second.stroke)).toBeNull()
    expect(ended(stroke)).toBeNull()
    expect(next(begun('arrow', 'a', at(0)))).toBeNull()
  })

  it('writes no word that is empty or longer than the wire takes', () => {
    expect(written('t', at(0), ' \0 ')).toBeNull()
    expect(written('t', at(0), '这里'.repeat(MAX_WORD))).toMatchObject({ text: '这里'.repeat(MAX_WORD / 2) })
    expect(marked(written('t', at(0), '裂口')!, BUYER, 7)).toEqual({ shape: 'text', mark_id: 't', at: at(0), text: '裂口', of: BUYER, frame_at: 7 })
  })

  it('is led by the arrow keys, and stays on the picture', () => {
    expect(stepped(at(0.5), 'ArrowRight', false)).toEqual({ x: 0.515, y: 0.5 })
    expect(stepped(at(0.98), 'ArrowRight', true)).toEqual({ x: 1, y: 0.5 })
    expect(stepped(at(0.5), 'a', false)).toBeNull()
  })

  it('stays on the picture when the hand leaves it', () => {
    expect(placeIn({ width: 400, height: 200 }, 100, 100)).toEqual({ x: 0.25, y: 0.5 })
    expect(placeIn({ width: 400, height: 200 }, -9, 900)).toEqual({ x: 0, y: 1 })
  })

  it('takes back its own newest mark', () => {
    const arrow = (markId: string, participantId: string): Shape => ({ markId, participantId, shape: 'arrow', start: at(0), end: at(1) })
    const board = { ...EMPTY_BOARD, shapes: [arrow('a', 'me'), arrow('b', 'me'), arrow('c', BUYER)] }
    expect(lastOf(board, 'me')?.markId).toBe('b')
    expect(lastOf(EMPTY_BOARD, 'me')).toBeNull()
  })
})
