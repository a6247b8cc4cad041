/** Scenes for the stand-in: a busy evening in two shops, an empty desk. Times are relative to `now`. */

import type { Context, Desk, DeskEntry, Me, OrderView, ProductCard, ProvenanceCard, PublicEntry, Summary } from '@livedesk/protocol'
import { someCases } from './cases.ts'
import { StandIn, type Conversation } from './StandIn.ts'

const S = 1_000
const M = 60 * S
const H = 60 * M

export const ME = 'p-lin'

export function theMe(role: 'agent' | 'supervisor' = 'supervisor'): Me {
  return {
    person_id: ME,
    name: '林小满',
    memberships: [
      { shop_id: 'luming', shop_name: '鹿鸣女装', role },
      { shop_id: 'qinghe', shop_name: '青禾家居', role: 'agent' },
    ],
  }
}

export function theDesk(now: number, state: Desk['seat']['state'] = 'ready'): Desk {
  const colleague = (person_id: string, name: string, at: Desk['seat']['state'], units_free: number) => ({ person_id, name, state: at, units_free })
  return {
    epoch: 'e1',
    now,
    person_id: ME,
    name: '林小满',
    seat: { person_id: ME, name: '林小满', state, reason: null, since: now - 42 * M, connected: true, units_used: 4, units_capacity: 6, active: 4 },
    shops: [
      {
        shop_id: 'luming', name: '鹿鸣女装', role: 'supervisor',
        groups: [
          { group_id: 'g-after', shop_id: 'luming', name: '售后组', accept: 'auto' },
          { group_id: 'g-size', shop_id: 'luming', name: '尺码顾问', accept: 'offer' },
        ],
        colleagues: [colleague(ME, '林小满', 'ready', 2), colleague('p-zhou', '周周', 'ready', 3), colleague('p-tang', '唐糖', 'break', 0)],
      },
      {
        shop_id: 'qinghe', name: '青禾家居', role: 'agent',
        groups: [{ group_id: 'g-home', shop_id: 'qinghe', name: '家居售后', accept: 'auto' }],
        colleagues: [colleague('p-he', '阿禾', 'offline', 0)],
      },
    ],
  }
}

const NO_MARKS = { buyer_delivered: 0, buyer_read: 0, agent_delivered: 0, agent_read: 0 }

export const COAT: ProductCard = { product_id: 'coat-88', title: '双面羊绒大衣 中长款 燕麦色', price: 129900, currency: 'CNY', picture: '/console/dev/coat.svg' }

export function certificate(now: number, confidence: ProvenanceCard['confidence'] = 'exact'): ProvenanceCard {
  const start = now - 26 * H
  return {
    confidence,
    version: 2,
    live_session_id: 'live-1121',
    live_title: '初冬上新 · 羊绒专场',
    hosts: ['小雅'],
    segment_from: start + 62 * M,
    segment_to: start + 71 * M,
    offset_from_ms: 62 * M,
    offset_to_ms: 71 * M,
    promises: [
      { at: start + 64 * M, offset_ms: 64 * M + 12 * S, text: '羊绒含量 95%，附检测报告', by: '小雅', kind: 'material' },
      { at: start + 66 * M, offset_ms: 66 * M + 40 * S, text: '十五天不合适包退，运费我们出', by: '小雅', kind: 'return_window' },
      { at: start + 69 * M, offset_ms: 69 * M + 3 * S, text: '下单送同色围巾一条', by: '小雅', kind: 'gift' },
    ],
    questions: [{ at: start + 67 * M, offset_ms: 67 * M, text: '165 穿 M 会不会长？', by: '王小雨', kind: 'said', own: true }],
    reasons: [
      { code: 'session_named', data: { session_id: 'live-1121' } },
      { code: 'time_ordered', data: { at: start + 70 * M } },
      { code: 'on_air', data: { session_id: 'live-1121', explain_id: 'x', seen_at: start + 70 * M, since_ms: 8 * M } },
      ...(confidence === 'exact' ? [] : [{ code: 'end_inferred', data: { by: 'next' } }]),
    ],
  }
}

/** An order that two hosts of one session, or the sessions of two rooms, may be behind. */
export function wavering(now: number): ProvenanceCard {
  const { promises: [material, days, gift] = [], ...sure } = certificate(now, 'ambiguous')
  if (material === undefined || days === undefined || gift === undefined) throw new Error('The certificate has three promises.')
  const start = now - 26 * H
  return {
    ...sure,
    live_session_id: null, live_title: null, hosts: [], questions: [],
    segment_from: null, segment_to: null, offset_from_ms: null, offset_to_ms: null,
    promises: [material],
    alternatives: [
      {
        live_session_id: 'live-1122', live_title: '阿May 专场', hosts: ['阿May'],
        segment_from: start + 66 * M, segment_to: null, offset_from_ms: 6 * M, offset_to_ms: null, promises: [material, gift],
      },
      {
        live_session_id: 'live-1121', live_title: '初冬上新 · 羊绒专场', hosts: ['小雅'],
        segment_from: start + 62 * M, segment_to: start + 71 * M, offset_from_ms: 62 * M, offset_to_ms: 71 * M, promises: [material, days],
      },
    ],
    reasons: [
      { code: 'time_ordered', data: { at: start + 70 * M } },
      { code: 'several_sessions', data: { count: 2, segments: 2 } },
    ],
  }
}

export function coatOrder(now: number, confidence: ProvenanceCard['confidence'] = 'exact'): OrderView {
  return {
    order: { card: 'order', order_id: '20261121-88231', status: 'delivered', total: 129900, currency: 'CNY', placed_at: now - 25 * H, titles: [COAT.title], picture: '/console/dev/coat.svg' },
    paid_at: now - 25 * H + 40 * S,
    contact: { name: '王*雨', phone: '138****6612', address: '浙江省杭州市余杭区****' },
    lines: [{ line_id: '1', product_id: COAT.product_id, title: COAT.title, quantity: 1, price: 129900, provenance: certificate(now, confidence) }],
  }
}

export interface Told {
  id: string
  buyer: string
  now: number
  shop?: 'luming' | 'qinghe'
  tier?: string | null
  verified?: boolean
  owner?: string | null
  ownerName?: string | null
  line?: Summary['line']
  state?: Summary['state']
  openedAgo?: number
  waitingAgo?: number | null
  product?: string | null
  group?: string
  says?: readonly (readonly [side: 'b' | 'a', ago: number, text: string])[]
  notes?: readonly (readonly [ago: number, text: string])[]
  order?: OrderView | null
  card?: boolean
  live?: boolean
  read?: number
}

/** A conversation from a short telling of it. */
export function told(it: Told): Conversation {
  const { now } = it
  const owner = it.owner === undefined ? ME : it.owner
  const ownerName = it.ownerName === undefined ? (owner === ME ? '林小满' : null) : it.ownerName
  const opened = now - (it.openedAgo ?? 10 * M)
  const entries: PublicEntry[] = []
  const next = () => ({ seq: entries.length + 1, message_id: `${it.id}-${entries.length + 1}`, client_id: null })
  const system = { kind: 'system' as const, id: null, name: null }
  const buyer = { kind: 'buyer' as const, id: `b-${it.id}`, name: it.buyer }
  if (it.live ?? true) {
    entries.push({
      kind: 'card', ...next(), sender: buyer, sent_at: opened,
      body: { card: 'context', live_session_id: 'live-1121', live_title: '初冬上新 · 羊绒专场', position_ms: 64 * M, product: it.card ? { ...COAT, card: 'product' } : null, order: null, topic: null },
    })
  }
  if (ownerName !== null) entries.push({ kind: 'assigned', ...next(), sender: system, sent_at: opened + 2 * S, agent_name: ownerName })
  for (const [side, ago, text] of it.says ?? []) {
    const sender = side === 'b' ? buyer : { kind: 'agent' as const, id: owner, name: ownerName }
    entries.push({ kind: 'text', ...next(), sender, sent_at: now - ago, text, quote_seq: null })
  }
  if (it.state === 'closed') entries.push({ kind: 'closed', ...next(), sender: system, sent_at: now - 5 * M, by: 'agent' })
  const desk: DeskEntry[] = (it.notes ?? []).map(([ago, text], index) => ({
    kind: 'note', seq: index + 1, message_id: `${it.id}-n${index}`, client_id: null,
    sender: { kind: 'agent', id: 'p-zhou', name: '周周' }, sent_at: now - ago, text,
  }))
  const spoken = entries.filter((entry) => entry.kind === 'text')
  const last = spoken[spoken.length - 1]
  let owed: number | null = null
  for (const entry of spoken) owed = entry.sender.kind === 'agent' ? null : (owed ?? entry.sent_at)
  const lastAgent = entries.map((entry) => entry.sender.kind).lastIndexOf('agent') + 1
  const read = it.read ?? lastAgent
  const shop = it.shop ?? 'luming'
  const row: Summary = {
    conversation_id: it.id,
    shop_id: shop,
    shop_name: shop === 'luming' ? '鹿鸣女装' : '青禾家居',
    buyer_name: it.buyer,
    buyer_tier: it.tier ?? null,
    verified: it.verified ?? true,
    state: it.state ?? 'open',
    line: it.line ?? (it.state === 'closed' ? 'done' : owner === null ? 'waiting' : 'active'),
    group_id: 'g-after',
    group_name: it.group ?? (shop === 'luming' ? '售后组' : '家居售后'),
    owner_id: owner,
    owner_name: ownerName,
    fence: 3,
    last_seq: entries.length,
    desk_last_seq: desk.length,
    opened_at: opened,
    waiting_since: owner === null ? now - (it.waitingAgo ?? 2 * M) : null,
    owed_since: it.state === 'closed' ? null : owed,
    closed_at: it.state === 'closed' ? now - 5 * M : null,
    product_title: it.product === undefined ? COAT.title : it.product,
    order_id: it.order?.order.order_id ?? null,
    preview: last?.kind === 'text' ? (last.text ?? '') : '',
    unread: entries.slice(read).filter((entry) => entry.kind === 'text' && entry.sender.kind === 'buyer').length,
  }
  const context: Omit<Context, 'summary' | 'marks'> = {
    buyer_id: `b-${it.id}`,
    locale: 'zh-CN',
    live_session_id: 'live-1121',
    live_title: '初冬上新 · 羊绒专场',
    position_ms: 64 * M,
    topic: null,
    product: it.card ? COAT : null,
    orders: it.order ? [it.order] : [],
    provenance: it.order ? null : { ...certificate(now, 'likely'), version: 0 },
    shots: [],
    cases: [],
    earlier: [
      { conversation_id: `${it.id}-old`, state: 'closed', last_seq: 9, opened_at: now - 12 * 24 * H, closed_at: now - 12 * 24 * H, agent_name: '唐糖', preview: '好的，谢谢，尺码换到了', unread: 0 },
    ],
  }
  return { row, context, entries, desk, marks: { ...NO_MARKS, buyer_delivered: entries.length, buyer_read: lastAgent, agent_delivered: entries.length, agent_read: read } }
}

export function busy(now = Date.now()): StandIn {
  const conversations = [
    told({
      id: 'c-wang', buyer: '王小雨', tier: '钻粉', now, order: coatOrder(now), card: true, openedAgo: 9 * M,
      says: [
        ['b', 8 * M, '你好，昨天直播买的大衣收到了'],
        ['a', 7.5 * M, '您好小雨，看到您昨晚 21:12 在羊绒专场下的单，大衣已签收，有什么可以帮您？'],
        ['b', 6 * M, '摸起来有点扎，真的是 95% 羊绒吗'],
        ['b', 5.9 * M, '主播说有检测报告的'],
        ['a', 5 * M, '主播小雅在讲解时承诺附检测报告，我这就把报告编号发给您。'],
        ['b', 100 * S, '还有说好送的围巾没看到'],
        ['b', 96 * S, '是漏发了吗？'],
      ],
      notes: [[4.8 * M, '报告在仓库群里，编号 CN-2211-0873；围巾库存只剩燕麦色。']],
    }),
    told({ id: 'c-chen', buyer: '陈默', now, order: null, card: true, openedAgo: 6 * M, verified: false, says: [['b', 3.7 * M, '165 斤穿 XL 可以吗，身高 178'], ['b', 3.6 * M, '在线等，直播快结束了']] }),
    told({ id: 'c-li', buyer: '李楠楠', tier: '银粉', now, shop: 'qinghe', product: '胡桃木餐边柜 1.2 m', openedAgo: 15 * M, says: [['b', 2.6 * M, '柜门装反了，能不能视频教一下']] }),
    told({ id: 'c-zhao', buyer: '赵一鸣同学的妈妈（学区房客户群）', now, openedAgo: 22 * M, says: [['b', 12 * M, '可以换小一码吗'], ['a', 11 * M, '可以的，我帮您登记换货，快递明天上门取件。']] }),
    told({ id: 'c-sun', buyer: '孙倩', now, owner: null, waitingAgo: 4.2 * M, says: [['b', 4.1 * M, '发货了吗']], product: '高腰直筒牛仔裤' }),
    told({ id: 'c-qian', buyer: '钱多多', now, owner: null, waitingAgo: 80 * S, says: [['b', 75 * S, '优惠券用不了']], product: null }),
    told({ id: 'c-wu', buyer: '吴昊', now, owner: null, line: 'offered', waitingAgo: 35 * S, says: [['b', 30 * S, '想退货，颜色和直播间不一样']] }),
    told({ id: 'c-zheng', buyer: '郑爽朗', now, owner: 'p-zhou', ownerName: '周周', openedAgo: 31 * M, says: [['b', 20 * M, '已收到退款，谢谢'], ['a', 19 * M, '不客气，祝您生活愉快。']] }),
    told({ id: 'c-feng', buyer: '冯晓', now, state: 'closed', openedAgo: 3 * H, says: [['b', 2.9 * H, '好的谢谢']] }),
  ]
  const desk = new StandIn(theDesk(now), theMe(), conversations)
  for (const view of someCases(now)) desk.cases.set(view.case.case_id, view)
  desk.sessions = [
    { session_id: 's1', current: true, created_at: now - 3 * H, seen_at: now, address: '10.0.0.21', agent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36' },
    { session_id: 's2', current: false, created_at: now - 9 * 24 * H, seen_at: now - 2 * 24 * H, address: '10.0.0.87', agent: 'Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1' },
  ]
  const seat = desk.desk.seat
  desk.wall = {
    now,
    groups: [
      { group_id: 'g-size', name: '尺码顾问', waiting: 0, longest_wait_ms: 0, in_service: 3, ready: ['周周'] },
      { group_id: 'g-after', name: '售后组', waiting: 3, longest_wait_ms: 252 * S, in_service: 5, ready: ['林小满', '周周'] },
      { group_id: 'g-vip', name: '会员专线', waiting: 1, longest_wait_ms: 64 * S, in_service: 1, ready: [] },
    ],
    seats: [
      seat,
      { ...seat, person_id: 'p-zhou', name: '周周', units_used: 3, active: 3, since: now - 95 * M },
      { ...seat, person_id: 'p-tang', name: '唐糖', state: 'break', reason: 'lunch', units_used: 1, active: 1, since: now - 12 * M },
      { ...seat, person_id: 'p-he', name: '阿禾', state: 'ready', connected: false, units_used: 2, active: 2, since: now - 1 * M },
    ],
  }
  return desk
}

export function empty(now = Date.now(), state: Desk['seat']['state'] = 'ready'): StandIn {
  const desk = theDesk(now, state)
  const alone = { ...desk, seat: { ...desk.seat, units_used: 0, active: 0 } }
  const standIn = new StandIn(alone, theMe())
  standIn.wall = { now, groups: [], seats: [] }
  return standIn
}
