import { BOOK_AHEAD_MS, fieldTime } from '@livedesk/protocol/call/booking.ts'
import type { PublicEntry } from '@livedesk/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { booked, unbookable } from '../src/desk/booking.ts'
import { button, find, mountOn, row, says, seen, unmountAll } from './standin/mounted.ts'
import { busy } from './standin/scenes.ts'
import type { StandIn } from './standin/StandIn.ts'

const MINUTE = 60_000
const buyer = { kind: 'buyer' as const, id: 'b', name: '王小雨' }

describe('a booking', () => {
  const entry = (seq: number, happened: 'booked' | 'cancelled' | 'due', at: number) => ({ kind: 'booking' as const, seq, message_id: `b${seq}`, sender: buyer, sent_at: 0, happened, at, media: 'video' as const })
  const text = (seq: number) => ({ kind: 'text' as const, seq, message_id: `t${seq}`, sender: buyer, sent_at: 0, text: '好的' })

  it('stands until it is replaced, taken back, or its time has come', () => {
    const log: PublicEntry[] = [entry(1, 'booked', 100), entry(2, 'booked', 200), text(3)]
    expect(booked(log, 199)?.seq).toBe(2)
    expect(booked(log, 200)).toBeNull()
    expect(booked([...log, entry(4, 'cancelled', 200)], 199)).toBeNull()
    expect(booked([], 0)).toBeNull()
  })

  it('is of a time from now on and within fourteen days, and of no field left empty', () => {
    const now = Math.floor(Date.now() / MINUTE) * MINUTE
    const of = (at: number) => unbookable(fieldTime(at), now)
    expect([of(now - MINUTE), of(now), of(now + BOOK_AHEAD_MS), of(now + BOOK_AHEAD_MS + MINUTE)]).toEqual(['outside', null, null, 'outside'])
    expect(unbookable('', now)).toBe('missing')
  })
})

describe('a call for a time', () => {
  let desk: StandIn

  beforeEach(() => (desk = busy()))
  afterEach(unmountAll)

  const asked = (name: string) => desk.asked.filter((one) => one.name === name).map((one) => one.request as Record<string, unknown>)
  const field = () => find<HTMLInputElement>('input[type="datetime-local"]')
  const fault = () => find('#booking-fault').textContent
  const opener = '.act[aria-haspopup="dialog"]'

  function fill(value: string): void {
    field().value = value
    field().dispatchEvent(new Event('input', { bubbles: true }))
  }
  const submit = () => find('#booking-form').dispatchEvent(new Event('submit', { cancelable: true }))

  /** The console, as it was or loaded anew, with the buyer's conversation in sight. */
  async function looked(): Promise<void> {
    unmountAll()
    await mountOn(desk)
    await seen(() => row('c-wang') !== null)
    row('c-wang').click()
    await seen(() => find('[role="log"]').getAttribute('aria-busy') === 'false' && find(opener) !== null)
  }

  async function opened(): Promise<void> {
    await looked()
    expect(find(opener).getAttribute('aria-label')).toBe('与 王小雨 约个时间通话')
    find(opener).click()
    await seen(() => field().value !== '')
  }

  it('is booked with the time that is proposed, stands in the log and on the button after a reload too, and is taken back in the log', async () => {
    await opened()
    const at = new Date(field().value).getTime()
    expect(at).toBeGreaterThan(Date.now() + 29 * MINUTE)
    expect([field().min < field().value, field().value < field().max]).toEqual([true, true])
    expect(find('label[for="booking-time"]').textContent).toBe('时间')
    submit()
    await seen(() => says('林小满 预约了'))
    expect(asked('call.book')[0]).toMatchObject({ conversation_id: 'c-wang', fence: 3, at, media: 'video' })

    await looked()
    await seen(() => find(opener).getAttribute('aria-label')!.includes('可以改期或取消'))
    button('取消预约', find('[role="log"]')).click()
    await seen(() => says('林小满 取消了'))
    expect(asked('call.unbook')[0]).toMatchObject({ conversation_id: 'c-wang', fence: 3 })
    await seen(() => find(opener).textContent?.trim() === '约个时间')
    expect(find('[role="log"]').textContent).not.toContain('取消预约')
  })

  it('that the buyer booked is moved or taken back where it was made', async () => {
    await looked()
    const at = Math.ceil(Date.now() / MINUTE) * MINUTE + 60 * MINUTE
    desk.book('c-wang', buyer, { happened: 'booked', at, media: 'voice' })
    await seen(() => says('王小雨 预约了'))
    find(opener).click()
    await seen(() => field().value === fieldTime(at) && says('就以新的为准'))
    fill(fieldTime(at + 60 * MINUTE))
    submit()
    await seen(() => asked('call.book').length === 1 && says('林小满 预约了'))
    expect(asked('call.book')[0]).toMatchObject({ at: at + 60 * MINUTE, media: 'voice' })
    expect(says('原来的 '), 'the log says what does not hold any more').toBe(true)
    expect([...find('[role="log"]').querySelectorAll('.booking button')]).toHaveLength(1)
    find(opener).click()
    await seen(() => field().value === fieldTime(at + 60 * MINUTE))
    button('取消预约', find('.el-dialog')).click()
    await seen(() => says('林小满 取消了'))
  })

  it('is booked beside a call that goes on, and no second call begun', async () => {
    await looked()
    find('[aria-label="邀请 王小雨 语音通话"]').click()
    await seen(() => document.querySelector('[aria-label="邀请 王小雨 语音通话"]') === null)
    find(opener).click()
    await seen(() => field().value !== '')
    submit()
    await seen(() => says('林小满 预约了'))
  })

  it('says which one it replaces where that is further back than the console has read', async () => {
    const at = Math.ceil(Date.now() / MINUTE) * MINUTE + 90 * MINUTE
    desk.unseen = { at, media: 'voice' }
    await opened()
    submit()
    await seen(() => says('语音通话不再有效'))
  })

  it('says why it was not made, and keeps what was chosen', async () => {
    await opened()
    const good = field().value
    fill('')
    submit()
    expect([await said('请选好日期和时间。'), field().getAttribute('aria-invalid')]).toEqual([true, 'true'])
    fill(fieldTime(Date.now() - 2 * MINUTE))
    submit()
    expect(await said('请选现在以后、14 天以内的时间。')).toBe(true)
    expect(asked('call.book')).toEqual([])
    fill(good)
    desk.refusals.set('call.book', 'stale_fence')
    submit()
    expect(await said('没有约成：会话已转给他人')).toBe(true)
    desk.refusals.set('call.book', 'bad_request')
    submit()
    expect(await said('请选现在以后、14 天以内的时间。')).toBe(true)
    expect(field().value).toBe(good)
    desk.refusals.delete('call.book')
    submit()
    await seen(() => says('林小满 预约了'))
    desk.refusals.set('call.unbook', 'not_found')
    button('取消预约', find('[role="log"]')).click()
    await seen(() => says('这个预约已经不在了'))
  })

  const said = async (words: string) => (await seen(() => fault()?.includes(words) === true), true)
})
