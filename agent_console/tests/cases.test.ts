import type { CallConnection, CaseSummary } from '@livedesk/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { belongs, drawn, mayLead, measures, merged, sharesOf, type Filter } from '../src/desk/cases.ts'
import { someCases } from './standin/cases.ts'
import { button, find, mountOn, row, says, seen, unmountAll } from './standin/mounted.ts'
import { busy, ME } from './standin/scenes.ts'
import type { StandIn } from './standin/StandIn.ts'

const first = someCases(1_000_000_000)[0]!.case
const one = (changes: Partial<CaseSummary>): CaseSummary => ({ ...first, ...changes })

describe('the list of cases', () => {
  it('is sorted by what changed last, and a later word about a case replaces the earlier one', () => {
    const known = [one({ case_id: 'a', updated_at: 3 }), one({ case_id: 'b', updated_at: 2 })]
    const heard = [one({ case_id: 'b', updated_at: 5, title: 'new' }), one({ case_id: 'a', updated_at: 1, title: 'old' })]
    expect(merged(known, heard).map(({ case_id, updated_at }) => [case_id, updated_at])).toEqual([['b', 5], ['a', 3]])
  })

  it('takes in what somebody changed only where it fits what is looked for', () => {
    const all: Filter = { shopId: null, state: null, mine: false, search: '' }
    expect(belongs(one({}), all, ME)).toBe(true)
    expect(belongs(one({}), { ...all, shopId: 'qinghe' }, ME)).toBe(false)
    expect(belongs(one({ state: 'closed' }), { ...all, state: 'open' }, ME)).toBe(false)
    expect(belongs(one({ holder_id: 'p-zhou' }), { ...all, mine: true }, ME)).toBe(false)
    // What is searched for only the server knows.
    expect(belongs(one({}), { ...all, search: '1001' }, ME)).toBe(false)
  })

  it('lets who holds a case, or leads its shop, close it and hand it on', () => {
    expect(mayLead(one({}), ME, 'agent')).toBe(true)
    expect(mayLead(one({ holder_id: 'p-zhou' }), ME, 'agent')).toBe(false)
    expect(mayLead(one({ holder_id: 'p-zhou' }), ME, 'supervisor')).toBe(true)
  })
})

describe('how the connection of a call was', () => {
  const found: CallConnection = {
    role: 'buyer', name: '小雨', measured: 400, fair: 10, poor: 1, lowest_step: 'full', stretches: [], sent_kbps: 900, received_kbps: 700, loss: 0.0044, jitter_ms: 9, round_trip_ms: null, freezes: 0, frozen_ms: 0, rejoins: 0,
  }
  it('never rounds a bad moment away, nor the good ones up to all', () => {
    expect(sharesOf(found)).toEqual([{ level: 'good', percent: 97 }, { level: 'fair', percent: 3 }, { level: 'poor', percent: 1 }])
    expect(sharesOf({ ...found, measured: 2_000, fair: 1, poor: 0 })).toEqual([{ level: 'good', percent: 99 }, { level: 'fair', percent: 1 }])
    expect(sharesOf({ ...found, fair: 0, poor: 0 })).toEqual([{ level: 'good', percent: 100 }])
  })
  it('names freezes and reconnections only where there were some, and no round trip that nobody measured', () => {
    expect(measures(found).map(({ name }) => name)).toEqual(['sent', 'kbps', 'loss', 'jitter'])
    const rough = measures({ ...found, round_trip_ms: 80, freezes: 2, frozen_ms: 1_450, rejoins: 1 })
    expect(rough.map(({ name }) => name)).toEqual(['sent', 'kbps', 'loss', 'trip', 'jitter', 'freezes', 'rejoins'])
    expect(rough.find(({ name }) => name === 'freezes')?.values).toEqual({ count: 2, seconds: 1.5 })
  })
  it('is drawn along the call, as high as its step, and where nothing was measured not at all', () => {
    const stretches = [
      { from_at: 900, to_at: 1_200, level: 'good' as const, step: 'full' as const },
      { from_at: 1_500, to_at: 1_600, level: 'poor' as const, step: 'audio_only' as const },
      { from_at: 2_100, to_at: 2_200, level: 'good' as const, step: 'full' as const },
    ]
    expect(drawn(stretches, 1_000, 2_000).map(({ left, width, height }) => [left, Number(width.toFixed(3)), height])).toEqual([[0, 0.2, 1], [0.5, 0.1, 0.2]])
  })
})

describe('cases on a server', () => {
  let desk: StandIn
  beforeEach(() => {
    desk = busy()
  })
  afterEach(unmountAll)

  const asked = (name: string) => desk.asked.filter((each) => each.name === name).map((each) => each.request as Record<string, unknown>)
  const listed = () => [...document.querySelectorAll('.rows .row .title')].map((each) => each.textContent)
  const type = (field: HTMLInputElement | HTMLTextAreaElement, text: string) => {
    field.value = text
    field.dispatchEvent(new Event('input', { bubbles: true }))
  }
  const submit = (form: string) => find(form).dispatchEvent(new Event('submit', { cancelable: true }))
  async function openPage(): Promise<void> {
    await mountOn(desk)
    find('nav a[href="#/cases"]').click()
    await seen(() => listed().length > 0)
  }

  it('lists the open ones, searches within one shop, and says so while no shop is chosen', async () => {
    await openPage()
    expect(listed()).toEqual(['大衣扎皮肤，漏发围巾', '换小一码', '餐边柜柜门装反，约视频指导安装'])
    type(find<HTMLInputElement>('.tools input[type=search]'), '#1002')
    await seen(() => says('请先选一家店铺'))
    const shop = find<HTMLSelectElement>('.tools select')
    shop.selectedIndex = 1
    shop.dispatchEvent(new Event('change'))
    await seen(() => listed().join() === '换小一码')
    expect(asked('case.list').at(-1)).toMatchObject({ shop_id: 'luming', state: 'open', search: '#1002' })
  })

  it('reads further pages and loses none', async () => {
    desk.casesPage = 2
    await openPage()
    expect(listed()).toHaveLength(2)
    button('更早的工单').click()
    await seen(() => listed().length === 3)
  })

  it('shows a case with its calls, pictures and history, and goes on with it', async () => {
    await openPage()
    button('#1001').click()
    await seen(() => says('围巾确认漏发'))
    for (const text of ['20261121-88231', '视频通话', '时长 11:51', '卡顿 7 次', '曾只传声音', '无人接听', '林小满 把工单交给 周周']) expect(says(text)).toBe(true)
    expect(document.querySelectorAll('.stills button')).toHaveLength(3)
    type(find<HTMLTextAreaElement>('.case textarea'), '围巾补发已登记')
    submit('.case form')
    await seen(() => says('围巾补发已登记') && find<HTMLTextAreaElement>('.case textarea').value === '')
    expect(asked('case.note')[0]).toMatchObject({ case_id: 'case-1', text: '围巾补发已登记' })
    // A case is not closed without a word of what came of it.
    button('结单').click()
    await seen(() => says('处理结果'))
    submit('.case form')
    await seen(() => says('请先写内容'))
    expect(asked('case.close')).toHaveLength(0)
    type(find<HTMLTextAreaElement>('.case textarea'), '已补发')
    submit('.case form')
    await seen(() => says('林小满 结了工单') && !listed().includes('大衣扎皮肤，漏发围巾'))
  })

  it('keeps what was written when it did not go through, and sends it again as the same step', async () => {
    await openPage()
    button('#1001').click()
    await seen(() => says('围巾确认漏发'))
    desk.refusals.set('case.note', 'too_many')
    type(find<HTMLTextAreaElement>('.case textarea'), '第一遍')
    submit('.case form')
    await seen(() => says('没有生效'))
    expect(find<HTMLTextAreaElement>('.case textarea').value).toBe('第一遍')
    // Looking at another case in between loses it neither.
    button('#1002').click()
    await seen(() => says('唐糖 开了工单') && find<HTMLTextAreaElement>('.case textarea').value === '')
    button('#1001').click()
    await seen(() => says('围巾确认漏发') && find<HTMLTextAreaElement>('.case textarea').value === '第一遍')
    desk.refusals.clear()
    submit('.case form')
    await seen(() => find<HTMLTextAreaElement>('.case textarea').value === '')
    const [before, after] = asked('case.note')
    expect(after?.['client_id']).toBe(before?.['client_id'])
  })

  it('opens one from the conversation, with its order, and shows it there', async () => {
    await mountOn(desk)
    await seen(() => document.querySelector('[data-conversation="c-wang"]') !== null)
    row('c-wang').click()
    await seen(() => says('大衣扎皮肤，漏发围巾'))
    button('开工单').click()
    await seen(() => document.querySelector('#case-title') !== null)
    type(find<HTMLInputElement>('#case-title'), '补寄检测报告')
    submit('aside form')
    await seen(() => says('#1005') && says('林小满 开了工单'))
    expect(asked('case.open')[0]).toMatchObject({ conversation_id: 'c-wang', title: '补寄检测报告', order_id: '20261121-88231' })
  })
})
