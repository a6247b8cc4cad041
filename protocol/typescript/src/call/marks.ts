import type { CallMark, Call, MarkEntry, Point } from '../wire.ts'

/** A pointer is seen this long after the hand rested. */
export const POINTER_MS = 1_500

export interface Pointer {
  readonly participantId: string
  readonly points: readonly Point[]
  /** Gone at this time of the server's clock. */
  readonly until: number
}
export type Shape = { readonly markId: string; readonly participantId: string } & (
  | { readonly shape: 'arrow'; readonly start: Point; readonly end: Point }
  | { readonly shape: 'circle'; readonly centre: Point; readonly rx: number; readonly ry: number }
  | { readonly shape: 'freehand'; readonly points: readonly Point[] }
  | { readonly shape: 'text'; readonly at: Point; readonly text: string }
)

/** What is drawn on one participant's picture. */
export interface Board {
  readonly shapes: readonly Shape[]
  /** One for each hand. */
  readonly pointers: readonly Pointer[]
  /** The frame at which every screen holds the picture: a JPEG in base64; null: it goes on. */
  readonly held: string | null
}

export const EMPTY_BOARD: Board = { shapes: [], pointers: [], held: null }

/** Boards by the participant on whose picture they lie. */
export type Boards = Readonly<Record<string, Board>>

/** The boards after one more mark; entries are to come in the order of their `seq`. */
export function drawn(boards: Boards, { mark, participant_id, at }: Pick<MarkEntry, 'mark' | 'participant_id' | 'at'>): Boards {
  return { ...boards, [mark.of]: onBoard(boards[mark.of] ?? EMPTY_BOARD, mark, participant_id, at) }
}

/** Without the pointers that have rested by `now`, and when the next one will have; null: none is left. */
export function rested(boards: Boards, now: number): { boards: Boards; next: number | null } {
  const still = (board: Board): Board => {
    const pointers = board.pointers.filter((one) => one.until > now)
    return pointers.length === board.pointers.length ? board : { ...board, pointers }
  }
  const left = Object.fromEntries(Object.entries(boards).map(([of, board]) => [of, still(board)]))
  const ends = Object.values(left).flatMap((board) => board.pointers.map((one) => one.until))
  return { boards: left, next: ends.length === 0 ? null : Math.min(...ends) }
}

function onBoard(board: Board, mark: CallMark, participantId: string, at: number): Board {
  const own = { markId: mark.mark_id, participantId }
  switch (mark.shape) {
    case 'pointer': {
      const others = board.pointers.filter((one) => one.participantId !== participantId)
      return { ...board, pointers: [...others, { participantId, points: mark.points, until: at + POINTER_MS }] }
    }
    case 'freehand': {
      const index = board.shapes.findIndex((one) => one.markId === mark.mark_id && one.participantId === participantId)
      const begun = board.shapes[index]
      if (begun?.shape !== 'freehand') return withShape(board, { ...own, shape: 'freehand', points: mark.points })
      const longer: Shape = { ...begun, points: [...begun.points, ...mark.points] }
      return { ...board, shapes: board.shapes.map((one, place) => (place === index ? longer : one)) }
    }
    case 'arrow':
      return withShape(board, { ...own, shape: 'arrow', start: mark.start, end: mark.end })
    case 'circle':
      return withShape(board, { ...own, shape: 'circle', centre: mark.centre, rx: mark.rx, ry: mark.ry })
    case 'text':
      return withShape(board, { ...own, shape: 'text', at: mark.at, text: mark.text })
    case 'undo': {
      const kept = board.shapes.filter((one) => one.markId !== mark.undone || one.participantId !== participantId)
      return { ...board, shapes: kept }
    }
    case 'clear':
      return { ...board, shapes: [], pointers: [] }
    case 'freeze':
      return { ...board, held: mark.picture ?? null }
    case 'unfreeze':
      return { ...board, held: null }
  }
}

function withShape(board: Board, shape: Shape): Board {
  if (board.shapes.some((one) => one.markId === shape.markId)) return board
  return { ...board, shapes: [...board.shapes, shape] }
}

/** A rectangle in CSS pixels. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** Where the picture itself lies in its element: all of it (`contain`), or filling it (`cover`). */
export function pictureBox(
  picture: { width: number; height: number },
  element: { width: number; height: number },
  fit: 'contain' | 'cover',
): Box {
  if (!picture.width || !picture.height) return { left: 0, top: 0, width: element.width, height: element.height }
  const ratios = [element.width / picture.width, element.height / picture.height] as const
  const scale = fit === 'contain' ? Math.min(...ratios) : Math.max(...ratios)
  const [width, height] = [picture.width * scale, picture.height * scale]
  return { left: (element.width - width) / 2, top: (element.height - height) / 2, width, height }
}

/** A place under the hand as a place in the picture; null outside of it. */
export function pointIn(box: Box, x: number, y: number): Point | null {
  const point = { x: (x - box.left) / box.width, y: (y - box.top) / box.height }
  return point.x >= 0 && point.x <= 1 && point.y >= 0 && point.y <= 1 ? point : null
}

/** Whether this participant may draw in the call, once his media is there. */
export const mayDraw = (call: Call, participantId: string | null): boolean =>
  call.participants.some(
    (one) =>
      one.participant_id === participantId &&
      (one.state === 'joined' || one.state === 'reconnecting') &&
      (one.role !== 'supervisor' || one.mode === 'barge'),
  )
