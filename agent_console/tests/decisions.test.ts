import type { Context } from '@livedesk/protocol'
import { describe, expect, it } from 'vitest'
import { REPLY_WITHIN_MS, clock, debt } from '../src/desk/countdown.ts'
import { deviceOf } from '../src/desk/device.ts'
import { DRAFTS_MAX, EMPTY_DRAFT, cited, draftOf, draftsFrom, textOf, withDraft, type Drafts } from '../src/desk/drafts.ts'
import { dayName, exact, money, roughly, shortMoment, span } from '../src/desk/format.ts'
import { GUARD_MS, isSendKey, maySend, switchedTo } from '../src/desk/guard.ts'
import { lengthOf } from '../src/desk/limits.ts'
import { FOUND_MAX, found } from '../src/desk/palette.ts'
import { UNDO_MS, due, scheduled, secondsLeft, undone, type PendingClose } from '../src/desk/undo.ts'
import { ordersOf, ownOrder, subjectOf } from '../src/desk/subject.ts'
import { byNeed, totals } from '../src/desk/wall.ts'
import { actOf, isWriting, type KeyPress } from '../src/effects/shortcuts.ts'
import { titleFor } from '../src/effects/title.ts'
import { settingsFrom } from '../src/stores/settings.ts'
import { COAT, coatOrder, told } from './standin/scenes.ts'

describe('the three-minute countdown', () => {
  it.each([
    [0, 'calm', 180_000],
    [59_999, 'calm', 120_001],
    [60_000, 'soon', 120_000],
    [119_999, 'soon', 60_001],
    [120_000, 'urgent', 60_000],
    [179_999, 'urgent', 1],
    [180_000, 'late', 0],
    [200_000, 'late', 20_000],
  ] as const)('says after %i ms that it is %s with %i ms', (waited, level, ms) => {
    expect(debt(1_000, 1_000 + waited)).toEqual({ level, ms })
  })

  it('is calm, not negative, when the clocks disagree', () => {
    expect(debt(5_000, 1_000)).toEqual({ level: 'calm', ms: REPLY_WITHIN_MS })
  })

  it('never shows 0:00 while time is left', () => {
    expect(clock(1, 'up')).toBe('0:01')
    expect(clock(180_000, 'up')).toBe('3:00')
    expect(clock(59_999)).toBe('0:59')
    expect(clock(3_723_000)).toBe('1:02:03')
  })
})

describe('the guard against sending to the wrong buyer', () => {
  it('asks within a second of switching, and once', () => {
    const guard = switchedTo('b', 1_000)
    expect(maySend(guard, 1_000 + GUARD_MS - 1)).toBe('ask')
    expect(maySend({ ...guard, asked: true }, 1_000 + 1)).toBe('send')
  })

  it('lets a text pass a second after switching, and in the first conversation of all', () => {
    expect(maySend(switchedTo('b', 1_000), 1_000 + GUARD_MS)).toBe('send')
    expect(maySend(null, 0)).toBe('send')
  })

  const enter = { key: 'Enter', keyCode: 13, isComposing: false, shiftKey: false, altKey: false }
  it('sends on Enter and breaks the line with Shift or Alt', () => {
    expect(isSendKey(enter)).toBe(true)
    expect(isSendKey({ ...enter, shiftKey: true })).toBe(false)
    expect(isSendKey({ ...enter, altKey: true })).toBe(false)
    expect(isSendKey({ ...enter, key: 'a', keyCode: 65 })).toBe(false)
  })

  it('never sends on the Enter of an input method, told by isComposing or by key code 229', () => {
    expect(isSendKey({ ...enter, isComposing: true })).toBe(false)
    expect(isSendKey({ ...enter, keyCode: 229 })).toBe(false)
  })
})

describe('closing with five seconds to take it back', () => {
  const close = (id: string, dueAt: number): PendingClose => ({ conversationId: id, clientId: `c-${id}`, fence: 1, dueAt })

  it('is sent when its time has come and not before', () => {
    const pending = [close('a', 5_000), close('b', 6_000)]
    expect(due(pending, 4_999)).toEqual({ ready: [], waiting: pending })
    expect(due(pending, 5_000)).toEqual({ ready: [pending[0]], waiting: [pending[1]] })
  })

  it('is not scheduled twice, and its time does not start anew', () => {
    const once = scheduled([], close('a', UNDO_MS))
    expect(scheduled(once, close('a', 99_000))).toBe(once)
  })

  it('is gone after undo, and others are not', () => {
    expect(undone([close('a', 1), close('b', 1)], 'a')).toEqual([close('b', 1)])
  })

  it('counts whole seconds down to nothing', () => {
    expect(secondsLeft(close('a', 5_000), 0)).toBe(5)
    expect(secondsLeft(close('a', 5_000), 4_001)).toBe(1)
    expect(secondsLeft(close('a', 5_000), 9_000)).toBe(0)
    expect(secondsLeft(close('a', 5_000), -900)).toBe(5)
  })
})

describe('drafts', () => {
  it('are kept per conversation, reply and note apart', () => {
    let drafts: Drafts = withDraft({}, 'a', { reply: '您好' })
    drafts = withDraft(drafts, 'a', { mode: 'note', note: '小心' })
    drafts = withDraft(drafts, 'b', { reply: '在的' })
    expect(textOf(draftOf(drafts, 'a'))).toBe('小心')
    expect(draftOf(drafts, 'a').reply).toBe('您好')
    expect(draftOf(drafts, 'b').reply).toBe('在的')
    expect(draftOf(drafts, 'c')).toBe(EMPTY_DRAFT)
  })

  it('take no place when they are empty', () => {
    expect(withDraft(withDraft({}, 'a', { reply: 'x' }), 'a', { reply: '' })).toEqual({})
  })

  it('drop the one touched longest ago beyond the limit', () => {
    let drafts: Drafts = {}
    for (let index = 0; index <= DRAFTS_MAX; index++) drafts = withDraft(drafts, `c${index}`, { reply: 'x' })
    expect(Object.keys(drafts)).toHaveLength(DRAFTS_MAX)
    expect(drafts['c0']).toBeUndefined()
    expect(drafts[`c${DRAFTS_MAX}`]).toBeDefined()
  })

  it('come back from storage, without what is malformed', () => {
    const kept = withDraft({}, 'a', { reply: 'x', quoteSeq: 4 })
    expect(draftsFrom(JSON.stringify(kept))).toEqual(kept)
    expect(draftsFrom('{"a":{"mode":"shout","reply":"x","note":""},"b":3}')).toEqual({})
    expect(draftsFrom('not json')).toEqual({})
    expect(draftsFrom(null)).toEqual({})
  })

  it('get a citation on a line of its own', () => {
    expect(cited('', '「包退」')).toBe('「包退」\n')
    expect(cited('您好 \n', '「包退」')).toBe('您好\n「包退」\n')
  })
})

describe('keys', () => {
  const press = (more: Partial<KeyPress>): KeyPress => ({
    key: '', code: '', ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, isComposing: false, keyCode: 0, ...more,
  })
  const free = { writing: false, letters: true }

  it('act by single letters outside of text only, and only when switched on', () => {
    expect(actOf(press({ key: 'j' }), free)).toBe('next')
    expect(actOf(press({ key: 'K' }), free)).toBe('previous')
    expect(actOf(press({ key: 'e' }), free)).toBe('close')
    expect(actOf(press({ key: '?', shiftKey: true }), free)).toBe('help')
    expect(actOf(press({ key: 'e' }), { writing: true, letters: true })).toBeNull()
    expect(actOf(press({ key: 'e' }), { writing: false, letters: false })).toBeNull()
  })

  it('act with Ctrl, Command or Alt anywhere', () => {
    const writing = { writing: true, letters: false }
    expect(actOf(press({ key: 'A', code: 'KeyA', ctrlKey: true, shiftKey: true }), writing)).toBe('accept')
    expect(actOf(press({ key: 'a', code: 'KeyA', metaKey: true, shiftKey: true }), writing)).toBe('accept')
    expect(actOf(press({ key: 'k', code: 'KeyK', metaKey: true }), writing)).toBe('palette')
    expect(actOf(press({ key: '˜', code: 'KeyN', altKey: true }), writing)).toBe('urgent')
  })

  it('leave the browser its own combinations, and input methods their keys', () => {
    expect(actOf(press({ key: 'j', ctrlKey: true }), free)).toBeNull()
    expect(actOf(press({ key: 'e', altKey: true }), free)).toBeNull()
    expect(actOf(press({ key: 'j', isComposing: true }), free)).toBeNull()
    expect(actOf(press({ key: 'j', keyCode: 229 }), free)).toBeNull()
  })

  it('know where text is written', () => {
    const make = (html: string) => {
      document.body.innerHTML = html
      return document.body.firstElementChild
    }
    expect(isWriting(make('<textarea></textarea>'))).toBe(true)
    expect(isWriting(make('<input type="text">'))).toBe(true)
    expect(isWriting(make('<input type="password">'))).toBe(true)
    expect(isWriting(make('<select></select>'))).toBe(true)
    expect(isWriting(make('<input type="checkbox">'))).toBe(false)
    expect(isWriting(make('<button></button>'))).toBe(false)
    expect(isWriting(null)).toBe(false)
  })
})

describe('words for times, money and devices', () => {
  const noon = new Date(2026, 10, 22, 12, 0, 0).getTime()
  const H = 3_600_000

  it('name today, yesterday and other days', () => {
    expect(dayName(noon - H, noon, 'zh-CN')).toBe('today')
    expect(dayName(noon - 24 * H, noon, 'zh-CN')).toBe('yesterday')
    expect(dayName(noon - 72 * H, noon, 'zh-CN')).toEqual({ date: expect.stringContaining('11月19日') })
  })

  it('are short for today and dated before', () => {
    expect(shortMoment(noon - H, noon, 'zh-CN')).toBe('11:00')
    expect(shortMoment(noon - 48 * H, noon, 'zh-CN')).toBe('11/20')
    expect(exact(noon, 'en')).toContain('12:00:00')
  })

  it('write a span with its day unless it is today, and with seconds within one minute', () => {
    expect(span(noon, noon + 9 * 60_000, noon, 'zh-CN')).toBe('12:00 – 12:09')
    expect(span(noon, noon + 20_000, noon, 'zh-CN')).toBe('12:00:00 – 12:00:20')
    expect(span(noon - 24 * H, null, noon, 'zh-CN')).toBe('11/21 12:00 –')
  })

  it.each([
    [-5, 'seconds', 0],
    [59_999, 'seconds', 59],
    [60_000, 'minutes', 1],
    [3_600_000, 'hours', 1],
    [86_400_000 * 3, 'days', 3],
  ] as const)('take %i ms as whole %s', (ms, unit, count) => {
    expect(roughly(ms)).toEqual({ unit, count })
  })

  it('write money in its own decimals', () => {
    expect(money(129_900, 'CNY', 'zh-CN')).toBe('¥1,299.00')
    expect(money(500, 'JPY', 'en')).toBe('¥500')
  })

  it('tell a browser and a system, and leave a stranger as it calls itself', () => {
    expect(deviceOf('Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/537 Chrome/141.0 Safari/537')).toBe('Chrome 141 · macOS')
    expect(deviceOf('Mozilla/5.0 (iPhone; CPU) AppleWebKit Version/18.0 Mobile Safari/604')).toBe('Safari 18 · iPhone')
    expect(deviceOf('curl/8')).toBe('curl/8')
    expect(deviceOf('')).toBe('')
  })

  it('count characters as the server does', () => {
    expect(lengthOf('好👍')).toBe(2)
  })
})

describe('what a conversation is about', () => {
  const now = 1_800_000_000_000
  const [first, second] = [coatOrder(now), { ...coatOrder(now, 'ambiguous'), order: { ...coatOrder(now).order, order_id: 'second', titles: ['围巾'] } }]
  const context = (order_id: string | null, product: boolean): Context => {
    const it = told({ id: 'c', buyer: 'x', now, card: product })
    return { ...it.context, marks: it.marks, summary: { ...it.row, order_id }, orders: [first, second] }
  }

  it('is the order it was opened with, which then comes first', () => {
    expect(subjectOf(context('second', true))).toMatchObject({ title: '围巾', provenance: { confidence: 'ambiguous' } })
    expect(ordersOf(context('second', true)).map((view) => view.order.order_id)).toEqual(['second', '20261121-88231'])
  })

  it('is the product when no order was named, although the buyer has some', () => {
    expect(subjectOf(context(null, true))).toMatchObject({ title: COAT.title, provenance: { confidence: 'likely', version: 0 } })
    expect(ownOrder(context(null, true))).toBeNull()
  })

  it('is the newest order when nothing else is known', () => {
    expect(subjectOf(context(null, false))).toMatchObject({ title: COAT.title, provenance: { confidence: 'exact' } })
  })
})

describe('the title, the palette, the wall, the settings', () => {
  it('counts who is owed a reply, and warns when the connection is gone', () => {
    expect(titleFor(0, true, '工作台')).toBe('工作台 · livedesk')
    expect(titleFor(3, true, '工作台')).toBe('(3) 工作台 · livedesk')
    expect(titleFor(120, true, '')).toBe('(99+) livedesk')
    expect(titleFor(3, false, '工作台')).toBe('⚠ 工作台 · livedesk')
  })

  it('finds every word in any part, beginnings first, in few rows', () => {
    const entries = [
      { text: '结束会话', hint: 'E' },
      { text: '王小雨', hint: '鹿鸣女装 · 羊绒大衣' },
      { text: '鹿鸣', hint: '' },
    ]
    expect(found(entries, '鹿鸣').map((entry) => entry.text)).toEqual(['鹿鸣', '王小雨'])
    expect(found(entries, '小雨 羊绒').map((entry) => entry.text)).toEqual(['王小雨'])
    expect(found(entries, '没有')).toEqual([])
    expect(found(Array.from({ length: FOUND_MAX + 1 }, (_, index) => ({ text: `x${index}`, hint: '' })), 'x')).toHaveLength(FOUND_MAX)
  })

  it('lets breaches rise to the top of the wall and counts a person once', () => {
    const group = (name: string, longest_wait_ms: number, waiting: number) => ({ group_id: name, name, waiting, longest_wait_ms, in_service: 1, ready: ['a'] })
    const groups = [group('calm', 0, 0), group('late', 200_000, 1), group('many', 90_000, 4)]
    expect(byNeed(groups).map((one) => one.name)).toEqual(['late', 'many', 'calm'])
    const seat = { person_id: 'a', name: 'a', state: 'ready' as const, since: 0, connected: true, units_used: 0, units_capacity: 5, active: 0 }
    expect(totals({ now: 0, groups, seats: [seat, { ...seat, person_id: 'b', connected: false }] })).toEqual({
      waiting: 5, inService: 3, longest: 200_000, ready: 1,
    })
  })

  it('reads settings field by field and falls back where they are malformed', () => {
    expect(settingsFrom('{"theme":"dark","language":"en","sounds":{"offer":false}}')).toMatchObject({
      theme: 'dark', language: 'en', shortcuts: true, sounds: { offer: false, first: true },
    })
    expect(settingsFrom('{"theme":"pink","language":7,"sounds":null,"shortcuts":"no"}')).toEqual(settingsFrom(null))
    expect(settingsFrom('nonsense').language).toBe('zh-CN')
  })
})
