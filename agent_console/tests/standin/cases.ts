/** Cases in the stand-in: what a desk says of them, and some that are worth drawing. */

import { Refusal, type AgentCommands, type CallStretch, type CaseCall, type CaseEntry, type CaseSummary, type CaseView, type StillEntry } from '@livedesk/protocol'
import { coatOrder, ME } from './scenes.ts'
import type { StandIn } from './StandIn.ts'

const S = 1_000
const M = 60 * S
const H = 60 * M
type CaseCommand = Extract<keyof AgentCommands, `case.${string}`>
export type CaseHandlers = { [C in CaseCommand]: (request: AgentCommands[C]['request']) => AgentCommands[C]['reply'] }

/** What the server says of cases, for who may do everything. */
export function caseHandlers(standIn: StandIn): CaseHandlers {
  const get = (id: string): CaseView => {
    const found = standIn.cases.get(id)
    if (found === undefined) throw new Refusal('not_found', id)
    return found
  }
  const put = (view: CaseView): CaseView => {
    standIn.cases.set(view.case.case_id, view)
    standIn.emit('case.changed', { case: view.case })
    return view
  }
  const step = (id: string, entry: (base: { seq: number; by_name: string; at: number }) => CaseEntry, changes: Partial<CaseSummary> = {}): CaseView => {
    const before = get(id)
    const at = Date.now()
    const made = entry({ seq: before.history.length + 1, by_name: standIn.desk.name, at })
    return put({ ...before, case: { ...before.case, updated_at: at, ...changes }, history: [...before.history, made] })
  }
  return {
    'case.open': ({ conversation_id, title, order_id }) => {
      const one = standIn.get(conversation_id)
      const at = Date.now()
      const number = 1001 + standIn.cases.size
      return put({
        case: {
          case_id: `case-${number}`, shop_id: one.row.shop_id, number, title, state: 'open', conversation_id, buyer_name: one.row.buyer_name,
          order_id: order_id ?? null, holder_id: standIn.desk.person_id, holder_name: standIn.desk.name, stills: 0, opened_at: at, updated_at: at, closed_at: null,
        },
        order: one.context.orders[0]?.order ?? null, stills: [], reused: [], calls: [], recordings: [],
        history: [{ kind: 'opened', seq: 1, by_name: standIn.desk.name, at }],
      })
    },
    'case.list': ({ shop_id, state, mine, search, before }) => {
      const wanted = (search ?? '').trim().replace(/^#/, '')
      const cases = [...standIn.cases.values()]
        .map((view) => view.case)
        .filter((one) => (shop_id == null || one.shop_id === shop_id) && (state == null || one.state === state) && (!mine || one.holder_id === standIn.desk.person_id))
        .filter((one) => wanted === '' || String(one.number) === wanted || (one.order_id ?? '').startsWith(wanted) || one.buyer_name.startsWith(wanted))
        .filter((one) => before == null || one.updated_at < before)
        .sort((a, b) => b.updated_at - a.updated_at)
      return { cases: cases.slice(0, standIn.casesPage), more: cases.length > standIn.casesPage }
    },
    'case.read': ({ case_id }) => get(case_id),
    'case.note': ({ case_id, text }) => step(case_id, (base) => ({ ...base, kind: 'note', text })),
    'case.hold': ({ case_id, person_id }) => {
      const holder_name = standIn.desk.shops.flatMap((shop) => shop.colleagues).find((one) => one.person_id === person_id)?.name ?? ''
      return step(case_id, (base) => ({ ...base, kind: 'held', holder_name }), { holder_id: person_id, holder_name })
    },
    'case.close': ({ case_id, text }) => step(case_id, (base) => ({ ...base, kind: 'closed', text }), { state: 'closed', closed_at: Date.now() }),
    'case.reopen': ({ case_id, text }) => step(case_id, (base) => ({ ...base, kind: 'reopened', text }), { state: 'open', closed_at: null }),
  }
}

const still = (seq: number, label: string, at: number): StillEntry => ({
  kind: 'still', seq, message_id: `still-${seq}`, client_id: null, sender: { kind: 'buyer', id: 'b-c-wang', name: '王小雨' }, sent_at: at,
  list_seq: 9, shot: seq - 10, label, file_id: `file-${seq}`, width: 1200, height: 1600, size: 240_000, sha256: 'ab'.repeat(32), doubts: [],
})

/** Good, then worse down to sound alone, a gap, and good again. */
const wentBadly = (from: number): CallStretch[] => [
  { from_at: from + 9 * S, to_at: from + 5 * M, level: 'good', step: 'full' },
  { from_at: from + 5 * M, to_at: from + 6 * M, level: 'fair', step: 'low_rate' },
  { from_at: from + 6 * M, to_at: from + 6.5 * M, level: 'poor', step: 'audio_only' },
  { from_at: from + 7 * M, to_at: from + 12 * M, level: 'good', step: 'full' },
]

/** A call that went badly at times, and one that nobody answered. */
function someCalls(now: number): CaseCall[] {
  return [
    {
      call_id: 'call-2', media: 'video', state: 'ended', invited_by: 'buyer', rang_at: now - 40 * M, connected_at: now - 40 * M + 9 * S, ended_at: now - 28 * M, reason: 'hung_up',
      connections: [
        { role: 'buyer', name: '王小雨', measured: 142, fair: 9, poor: 4, lowest_step: 'audio_only', stretches: wentBadly(now - 40 * M), sent_kbps: 655, received_kbps: 412, loss: 0.0231, jitter_ms: 18, round_trip_ms: 86, freezes: 7, frozen_ms: 5_400, rejoins: 1 },
        { role: 'agent', name: '林小满', measured: 140, fair: 0, poor: 0, lowest_step: 'full', stretches: [{ from_at: now - 40 * M + 9 * S, to_at: now - 28 * M, level: 'good', step: 'full' }], sent_kbps: 430, received_kbps: 1180, loss: 0.0004, jitter_ms: 4, round_trip_ms: 21, freezes: 0, frozen_ms: 0, rejoins: 0 },
      ],
    },
    { call_id: 'call-1', media: 'voice', state: 'ended', invited_by: 'agent', rang_at: now - 55 * M, connected_at: null, ended_at: now - 54.5 * M, reason: 'no_answer', connections: [] },
  ]
}

/** Cases of a busy evening: one with everything, one of the other shop, one closed, and one that nobody holds. */
export function someCases(now: number): CaseView[] {
  const base = { shop_id: 'luming', buyer_name: '王小雨', order_id: null, holder_id: ME, holder_name: '林小满', stills: 0, closed_at: null, state: 'open' as const }
  const rest = { order: null, stills: [], reused: [], calls: [], recordings: [] }
  const opened = (by_name: string, at: number): CaseEntry => ({ kind: 'opened', seq: 1, by_name, at })
  return [
    {
      ...rest,
      case: { ...base, case_id: 'case-1', number: 1001, title: '大衣扎皮肤，漏发围巾', conversation_id: 'c-wang', order_id: '20261121-88231', stills: 3, opened_at: now - 50 * M, updated_at: now - 12 * M },
      order: coatOrder(now).order,
      stills: [still(10, '吊牌', now - 35 * M), still(11, '瑕疵特写', now - 34 * M), still(12, '整件平铺', now - 33 * M)],
      reused: [{ kind: 'reused', seq: 2, message_id: 'r2', client_id: null, sender: { kind: 'system', id: null, name: null }, sent_at: now - 34 * M, still_seq: 11, label: '瑕疵特写', conversation_id: 'c-feng', earlier_at: now - 9 * 24 * H, case_number: 1000, bits: 3 }],
      calls: someCalls(now),
      recordings: [
        { recording_id: 'rec-2', shop_id: 'luming', call_id: 'call-2', conversation_id: 'c-wang', state: 'kept', code: null, ended_code: 'call_ended', began_at: now - 39 * M, duration_ms: 11 * M + 4 * S },
      ],
      history: [
        opened('林小满', now - 50 * M),
        { kind: 'note', seq: 2, by_name: '林小满', at: now - 27 * M, text: '视频里看到领口标签边缘粗糙，不是面料问题。\n围巾确认漏发，仓库只剩燕麦色。' },
        { kind: 'held', seq: 3, by_name: '林小满', at: now - 20 * M, holder_name: '周周' },
        { kind: 'held', seq: 4, by_name: '周周', at: now - 12 * M, holder_name: '林小满' },
      ],
    },
    {
      ...rest,
      case: { ...base, case_id: 'case-2', shop_id: 'qinghe', number: 1001, title: '餐边柜柜门装反，约视频指导安装', conversation_id: 'c-li', buyer_name: '李楠楠', holder_id: 'p-he', holder_name: '阿禾', opened_at: now - 26 * H, updated_at: now - 25 * H },
      history: [opened('阿禾', now - 26 * H), { kind: 'note', seq: 2, by_name: '阿禾', at: now - 25 * H, text: '约了周六上午。' }],
    },
    {
      ...rest,
      case: { ...base, case_id: 'case-3', number: 1002, title: '换小一码', conversation_id: 'c-zhao', buyer_name: '赵一鸣同学的妈妈（学区房客户群）', holder_id: null, holder_name: null, opened_at: now - 3 * H, updated_at: now - 3 * H },
      history: [opened('唐糖', now - 3 * H)],
    },
    {
      ...rest,
      case: { ...base, case_id: 'case-4', number: 1003, title: '退款到账时间', conversation_id: 'c-feng', buyer_name: '冯晓', state: 'closed', opened_at: now - 5 * H, updated_at: now - 2 * H, closed_at: now - 2 * H },
      history: [opened('林小满', now - 5 * H), { kind: 'closed', seq: 2, by_name: '林小满', at: now - 2 * H, text: '已到账，买家确认。' }],
    },
  ]
}
