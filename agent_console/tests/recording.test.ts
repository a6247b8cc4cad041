import type { CallMark, MarkEntry, PublicEntry, RecordingSide, RecordingView } from '@livedesk/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NOTHING_DRAWN, arranged, current, drawnUntil, fateOf, heldSince, moments, neighbour, outline } from '../src/desk/recording.ts'
import { messages } from '../src/i18n/index.ts'
import { button, find, key, mountOn, row, says, seen, unmountAll } from './standin/mounted.ts'
import { fileOf } from './standin/repository.ts'
import { busy } from './standin/scenes.ts'
import type { StandIn } from './standin/StandIn.ts'

const BEGAN = 1_790_000_000_000
const S = 1_000

const side = (participant_id: string, role: RecordingSide['role'], frames: number, name: string): RecordingSide => ({
  participant_id, role, name, frames, sounds: 100, duration_ms: 60 * S, errors: 0, gaps: [], gap_count: 0, gap_ms: 0,
})
const view: RecordingView = {
  recording: { recording_id: 'r1', shop_id: 's1', call_id: 'k1', conversation_id: 'c1', state: 'kept', began_at: BEGAN, duration_ms: 60 * S },
  sides: [side('p-agent', 'agent', 0, '林小满'), side('p-buyer', 'buyer', 900, '王小雨')],
  consents: [{ participant_id: 'p-buyer', at_ms: 0, said_at: BEGAN, text_version: '1', locale: 'zh-CN' }],
  pauses: [{ participant_id: 'p-buyer', from_ms: 50 * S, to_ms: null, reason: 'consent_withdrawn' }],
  damaged: 0,
}
const said = (seq: number, at: number, text: string): PublicEntry => ({
  kind: 'text', seq, message_id: `m${seq}`, client_id: null, sender: { kind: 'buyer', id: 'b', name: '王小雨' }, sent_at: BEGAN + at, text,
})
let seq = 0
const mark = (at: number, more: Partial<CallMark> & { shape: CallMark['shape'] }): MarkEntry => ({
  seq: ++seq, participant_id: 'p-agent', at: BEGAN + at, mark: { mark_id: `m${seq}`, of: 'p-buyer', frame_at: at, ...more } as CallMark,
})
const arrow = (at: number) => mark(at, { shape: 'arrow', start: { x: 0, y: 0 }, end: { x: 1, y: 1 } })
const word = (at: number, text: string) => mark(at, { shape: 'text', at: { x: 0, y: 0 }, text })

describe('the time line of a recording', () => {
  it('has what was said, drawn, agreed to and left out, in order, and nothing of before or after', () => {
    const found = moments(view, [said(1, -1, '之前'), said(2, 5 * S, '这里'), said(3, 61 * S, '之后')], [arrow(9 * S), arrow(11 * S), word(12 * S, '裂缝'), arrow(30 * S)])
    expect(found.map((one) => [one.type, one.at / S])).toEqual([['consent', 0], ['said', 5], ['drawn', 9], ['drawn', 30], ['pause', 50]])
    expect(found[2]).toMatchObject({ count: 3, text: '裂缝', name: '林小满' })
    expect(found[4]).toMatchObject({ until: 60 * S, name: '王小雨' })
  })

  it('says why nothing was recorded, and names nobody who asked for nothing', () => {
    const found = moments({ ...view, consents: [], pauses: [{ participant_id: null, from_ms: 5 * S, to_ms: 9 * S, reason: 'not_all_here' }] }, [], [])
    expect(found).toEqual([{ type: 'pause', key: 'p0', at: 5 * S, until: 9 * S, name: '', reason: 'not_all_here' }])
  })

  it('leads from one to the next and back, and knows the last one that began', () => {
    const found = moments(view, [said(2, 5 * S, '这里')], [arrow(9 * S)])
    expect(neighbour(found, 5 * S, 1)?.at).toBe(9 * S)
    expect(neighbour(found, 5.5 * S, -1)?.at).toBe(0)
    expect(neighbour(found, 50 * S, 1)).toBeNull()
    expect(current(found, 8 * S)).toBe(1)
  })

  it('shows the buyer first, and a picture before a voice', () => {
    expect(arranged(view.sides).map((one) => one.role)).toEqual(['buyer', 'agent'])
    expect(arranged([side('a', 'buyer', 0, 'x'), side('b', 'agent', 9, 'y')]).map((one) => one.role)).toEqual(['agent', 'buyer'])
  })

  it('draws the marks again as they stood at each place, forwards and back', () => {
    const marks = [arrow(2 * S), word(4 * S, '这里'), mark(6 * S, { shape: 'clear' }), arrow(8 * S)]
    const count = (state: typeof NOTHING_DRAWN) => state.boards['p-buyer']?.shapes.length ?? 0
    let state = NOTHING_DRAWN
    const at = (ms: number) => count((state = drawnUntil(state, marks, BEGAN + ms)))
    expect([1, 3, 5, 7, 9, 3, 9].map((s) => at(s * S))).toEqual([0, 1, 2, 0, 1, 1, 1])
    expect(drawnUntil(state, marks, BEGAN + 9.5 * S)).toBe(state)
  })

  it('holds the picture from where it was frozen until it was let go', () => {
    const marks = [mark(10 * S, { shape: 'freeze' }), mark(15 * S, { shape: 'unfreeze' })]
    expect([9, 10, 14, 15].map((s) => heldSince(marks, 'p-buyer', BEGAN, s * S))).toEqual([null, 10 * S, 10 * S, null])
    expect(heldSince(marks, 'p-agent', BEGAN, 12 * S)).toBeNull()
  })

  it('keeps every peak when there are fewer bars than peaks', () => {
    expect(outline([0, 100, 0, 50], 2)).toEqual([1, 0.5])
    expect(outline([10, 20], 100)).toEqual([0.1, 0.2])
  })
})

describe('how a recording stands', () => {
  it('is good only where something can be watched', () => {
    expect(fateOf({ state: 'kept', duration_ms: 1 })).toEqual({ key: 'kept', code: null, tone: 'good' })
    expect(fateOf({ state: 'kept', duration_ms: 0 }).key).toBe('keptNothing')
    expect(fateOf({ state: 'stopped', code: 'disk_full' })).toEqual({ key: 'stopped', code: 'disk_full', tone: 'warn' })
    expect(fateOf({ state: 'erased', code: 'period_over' }).tone).toBe('plain')
  })

  it('has words for every code that the server declares', () => {
    const source = fileOf('protocol/recordings.py')
    const codes = ['WritingCode', 'FinishingCode', 'KeepingCode'].flatMap((name) => {
      const declared = new RegExp(`${name} = Literal\\[(.*?)\\]`, 's').exec(source)?.[1] ?? ''
      return [...declared.matchAll(/"(\w+)"/g)].map((match) => match[1] as string)
    })
    expect(codes.length).toBeGreaterThan(15)
    expect(Object.keys(messages.en.recording.code).sort()).toEqual([...new Set(codes)].sort())
    const reasons = [...(/"consent_withdrawn", "unasked".*/.exec(source)?.[0] ?? '').matchAll(/"(\w+)"/g)].map((match) => match[1] as string)
    expect(reasons.length).toBeGreaterThan(3)
    expect(Object.keys(messages.en.recording.moment)).toEqual(expect.arrayContaining(reasons))
  })
})

describe('the player', () => {
  let desk: StandIn

  beforeEach(async () => {
    desk = busy()
    const recording = { ...view.recording, shop_id: 'luming', conversation_id: 'c-wang' }
    const media = { media: 'about:blank', sha256: 'ab'.repeat(32) }
    const marks = [arrow(2 * S), word(4 * S, '裂缝'), mark(6 * S, { shape: 'clear' })]
    desk.recordings.set('r1', { view: { ...view, recording, sides: view.sides.map((one) => ({ ...one, ...media })) }, marks })
    const one = desk.get('c-wang')
    one.desk.push({
      kind: 'recording', seq: one.row.desk_last_seq + 1, message_id: 'rec', client_id: null, sender: { kind: 'system', id: null, name: null }, sent_at: Date.now(),
      recording_id: 'r1', call_id: 'k1', state: 'kept', code: null, duration_ms: 60 * S,
    })
    one.row = { ...one.row, desk_last_seq: one.row.desk_last_seq + 1 }
    await mountOn(desk)
    await seen(() => document.querySelector('[data-conversation="c-wang"]') !== null)
    row('c-wang').click()
    await seen(() => document.querySelector('[data-recording="r1"]') !== null)
    button('播放录像', find('[data-recording="r1"]')).click()
    await seen(() => document.querySelector('.player') !== null && says('林小满 画了 2 处标注：裂缝'))
  })
  afterEach(unmountAll)

  it('opens from the conversation and goes from event to event by the keys', async () => {
    const player = find('.player')
    const slider = () => find('.player [role=slider]').getAttribute('aria-valuetext')
    expect(slider()).toBe('0:00，共 1:00')
    key(player, { key: 'n' })
    await seen(() => slider() === '0:02，共 1:00')
    key(player, { key: 'ArrowRight' })
    await seen(() => slider() === '0:07，共 1:00')
    key(player, { key: 'p' })
    await seen(() => slider() === '0:02，共 1:00')
    key(player, { key: 'End' })
    await seen(() => slider() === '1:00，共 1:00' && find('li.now').textContent!.includes('撤回同意'))
  })

  it('is restricted by a supervisor with a reason, says so, and is allowed again', async () => {
    for (const [act, then] of [['限制查看', '录像已限制查看：由主管决定。'], ['恢复查看', '通话经过']] as const) {
      button(act, find('.recorded')).click()
      await seen(() => document.querySelector('.el-message-box input') !== null)
      const field = [...document.querySelectorAll<HTMLInputElement>('.el-message-box input')].at(-1)!
      field.value = '买家有异议'
      field.dispatchEvent(new Event('input', { bubbles: true }))
      button(act, [...document.querySelectorAll('.el-message-box__btns')].at(-1)!).click()
      await seen(() => find('.recorded').textContent!.includes(then))
    }
    expect(desk.asked.filter((one) => one.name === 'recording.restrict').map((one) => one.request)).toEqual([
      { recording_id: 'r1', why: '买家有异议', restricted: true },
      { recording_id: 'r1', why: '买家有异议', restricted: false },
    ])
  })
})
