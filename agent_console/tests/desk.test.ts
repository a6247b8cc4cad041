import { Refusal } from '@livedesk/protocol'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { GUARD_MS } from '../src/desk/guard.ts'
import { UNDO_MS } from '../src/desk/undo.ts'
import { button, composer, find, key, mountOn, row, says, seen, unmountAll, write } from './standin/mounted.ts'
import { busy, coatOrder, empty, told, wavering } from './standin/scenes.ts'
import type { StandIn } from './standin/StandIn.ts'

let desk: StandIn

beforeEach(() => {
  desk = busy()
})
afterEach(() => {
  unmountAll()
  vi.restoreAllMocks()
})

const asked = (name: string) => desk.asked.filter((one) => one.name === name).map((one) => one.request as Record<string, unknown>)
const rowOrder = () => [...document.querySelectorAll('[data-conversation]')].map((one) => one.getAttribute('data-conversation'))

/** Opens a conversation and lets the second pass in which a text would be questioned. */
async function open(id: string): Promise<void> {
  await seen(() => document.querySelector(`[data-conversation="${id}"]`) !== null)
  row(id).click()
  await seen(() => document.querySelector('[role="log"][aria-busy="false"]') !== null && row(id).getAttribute('aria-current') === 'true')
}

describe('the desk on a server', () => {
  it('asks for a sign-in when nobody is signed in, says when the password is wrong, and opens the desk', async () => {
    desk.signedIn = null
    await mountOn(desk)
    const [login, password] = [find<HTMLInputElement>('#login'), find<HTMLInputElement>('#password')]
    const submit = async (word: string) => {
      login.value = '1001'
      login.dispatchEvent(new Event('input'))
      password.value = word
      password.dispatchEvent(new Event('input'))
      await seen(() => !find<HTMLButtonElement>('.submit').disabled)
      find('form').dispatchEvent(new Event('submit', { cancelable: true }))
    }
    await submit('wrong')
    await seen(() => says('账号或密码不正确'))
    expect(login.value).toBe('1001')
    await submit('demo')
    await seen(() => document.querySelector('[role="tablist"]') !== null)
  })

  it('says that the server cannot be reached instead of pretending that nobody is signed in', async () => {
    desk.reachable = false
    await mountOn(desk)
    await seen(() => says('没有连上服务器，还不知道你是否已登录'))
    desk.back()
    button('重试').click()
    await seen(() => document.querySelector('[role="tablist"]') !== null)
  })

  it('shows mine in order of debt, with the shop on every row', async () => {
    await mountOn(desk)
    await seen(() => rowOrder().length === 4)
    expect(rowOrder()).toEqual(['c-chen', 'c-li', 'c-wang', 'c-zhao'])
    expect(row('c-li').textContent).toContain('青禾家居')
    expect(row('c-chen').textContent).toContain('超时')
  })

  it('hears the rows of the list that is looked at, and lets them go with it', async () => {
    await mountOn(desk)
    await seen(() => rowOrder().length === 4)
    find('#tab-waiting').click()
    const waiting = ['c-sun', 'c-qian', 'c-wu']
    await seen(() => asked('conversation.watch').length === 1)
    expect([...(asked('conversation.watch')[0]?.['conversation_ids'] as string[])].sort()).toEqual([...waiting].sort())
    const before = desk.get('c-sun').row
    desk.emit('chat.posted', {
      conversation_id: 'c-sun', log: 'public',
      entry: { kind: 'text', seq: before.last_seq + 1, message_id: 'm-late', client_id: null, sender: { kind: 'buyer', id: 'b-c-sun', name: '孙倩' }, sent_at: Date.now(), text: '还在吗', quote_seq: null },
    })
    await seen(() => row('c-sun').textContent?.includes('还在吗') === true)
    find('#tab-mine').click()
    await seen(() => asked('conversation.watch').length === 2)
    expect(asked('conversation.watch')[1]).toEqual({ conversation_ids: [] })
  })

  it('opens the context by itself, before the buyer has typed', async () => {
    const silent = told({ id: 'c-silent', buyer: '静静', now: Date.now(), order: coatOrder(Date.now()) })
    desk.conversations.set('c-silent', silent)
    await mountOn(desk)
    await open('c-silent')
    await seen(() => says('出生证明'))
    expect(says('小雅')).toBe(true)
    expect(says('十五天不合适包退，运费我们出')).toBe(true)
    expect(says('订单写明了直播场次')).toBe(true)
  })

  it('says between which sessions an ambiguous order wavers, and offers to cite only what both promise', async () => {
    const order = coatOrder(Date.now())
    const lines = order.lines.map((line) => ({ ...line, provenance: wavering(Date.now()) }))
    desk.conversations.set('c-two', told({ id: 'c-two', buyer: '两可', now: Date.now(), order: { ...order, lines } }))
    await mountOn(desk)
    await open('c-two')
    await seen(() => says('可能出自这 2 段讲解'))
    const places = [...document.querySelectorAll('.certificate ol li')].map((place) => place.textContent)
    expect(places[0]).toContain('阿May 专场')
    expect(places[0]).toContain('开播后 6:00 起')
    expect(places[0]).toContain('下单送同色围巾一条')
    expect(places[1]).toContain('初冬上新 · 羊绒专场')
    expect(places[1]).toContain('十五天不合适包退，运费我们出')
    expect([...document.querySelectorAll('.cite')].map((button) => button.getAttribute('aria-label'))).toEqual([
      '把这条承诺引用到输入框：羊绒含量 95%，附检测报告',
    ])
  })

  it('cites a promise into the reply with one button', async () => {
    await mountOn(desk)
    await open('c-wang')
    await seen(() => document.querySelector('.cite') !== null)
    find('.cite').click()
    await seen(() => composer().value.includes('羊绒含量 95%，附检测报告'))
    expect(composer().value).toContain('小雅')
  })

  it('sends under the fence, and the row hears of it without an echo', async () => {
    await mountOn(desk)
    await open('c-wang')
    write('围巾\u0000今天补发 ')
    key(composer(), { key: 'Enter' })
    await seen(() => asked('chat.send').length === 1)
    expect(asked('chat.send')[0]).toMatchObject({ kind: 'text', text: '围巾今天补发', fence: 3 })
    await seen(() => row('c-wang').textContent?.includes('围巾今天补发') === true)
    expect(row('c-wang').querySelector('.debt')).toBeNull()
    expect(composer().value).toBe('')
  })

  it('says in words that the fence was stale and keeps the text until it is wanted back', async () => {
    desk.refusals.set('chat.send', 'stale_fence')
    await mountOn(desk)
    await open('c-wang')
    write('补一张券')
    key(composer(), { key: 'Enter' })
    await seen(() => says('会话已转给他人'))
    expect(find('[role="log"]').textContent).toContain('补一张券')
    button('改回输入框').click()
    await seen(() => composer().value === '补一张券')
    expect(says('会话已转给他人')).toBe(false)
  })

  it('keeps the reply of one whose conversation went on to someone else, and cannot send it', async () => {
    await mountOn(desk)
    await open('c-wang')
    write('我马上查')
    desk.give('c-wang', 'p-zhou', '周周')
    await seen(() => says('会话已转给 周周'))
    expect(composer().value).toBe('我马上查')
    expect(find<HTMLButtonElement>('.send').disabled).toBe(true)
    key(composer(), { key: 'Enter' })
    expect(asked('chat.send')).toEqual([])
  })

  it('tells what was lost since when, keeps what is written, and reads everything again', async () => {
    await mountOn(desk)
    await open('c-wang')
    desk.cut()
    await seen(() => says('连接已断开，自'))
    write('还在')
    key(composer(), { key: 'Enter' })
    await seen(() => says('1 条未发出的消息已保存'))
    const before = desk.asked.length
    desk.back()
    desk.say('c-wang', '断线时说的话')
    button('立即重试').click()
    await seen(() => says('已重新连接'))
    await seen(() => find('[role="log"]').textContent?.includes('断线时说的话') === true)
    await seen(() => asked('chat.send').length === 1)
    const again = desk.asked.slice(before).map((one) => one.name)
    for (const name of ['desk.load', 'conversation.list', 'conversation.look', 'chat.sync']) expect(again).toContain(name)
  })

  it('goes back to the sign-in when the session was ended, and says so', async () => {
    await mountOn(desk)
    await seen(() => rowOrder().length === 4)
    desk.signedIn = null
    desk.emit('session.ended', { code: 'session_revoked', message: 'x' })
    await seen(() => says('登录已失效'))
  })

  it('goes back to the sign-in when the cookie is over at a reconnect, instead of trying for ever', async () => {
    await mountOn(desk)
    await seen(() => rowOrder().length === 4)
    desk.signedIn = null
    desk.emit('session.ended', { code: 'session_expired', message: 'x' })
    await seen(() => says('登录已失效'))
  })

  it('stays signed in, and says so, when the server did not hear of signing out', async () => {
    await mountOn(desk)
    find('nav a[aria-label="设置"]').click()
    await seen(() => says('退出登录'))
    vi.spyOn(desk.api, 'logout').mockRejectedValueOnce(new Refusal('offline', 'x'))
    button('退出登录').click()
    await seen(() => says('你仍处于登录状态'))
    button('退出登录').click()
    await seen(() => document.querySelector('#login') !== null)
  })

  it('shows the state that the server answered, not the one that was wished', async () => {
    await mountOn(desk)
    expect(find('.seat').textContent).toContain('就绪')
    desk.emit('presence.changed', { ...desk.desk.seat, state: 'break', reason: 'missed', since: Date.now() })
    await seen(() => find('.seat').textContent?.includes('连续未接') === true)
  })

  it('says why the system put one on a break, and goes back to ready with one tap', async () => {
    await mountOn(desk)
    expect(says('回到就绪')).toBe(false)
    desk.emit('presence.changed', { ...desk.desk.seat, state: 'break', reason: 'returned', since: Date.now() })
    await seen(() => says('刚才断线较久，系统已为你切换为小休；准备好后请切回就绪。'))
    button('回到就绪').click()
    await seen(() => asked('presence.set').length === 1)
    expect(asked('presence.set')[0]).toMatchObject({ state: 'ready' })
    await seen(() => !says('回到就绪'))
  })

  it('gives the keyboard to the folded context, and back', async () => {
    await mountOn(desk)
    await open('c-wang')
    const unfold = find('.act.fold')
    unfold.focus()
    unfold.click()
    await seen(() => document.activeElement === find('aside.context'))
    key(find('aside.context'), { key: 'Escape' })
    await seen(() => document.activeElement === unfold && document.querySelector('.context-open') === null)
  })

  it('teaches what to do when there is nothing', async () => {
    desk = empty(Date.now(), 'break')
    await mountOn(desk)
    await seen(() => says('切换到“就绪”后'))
  })
})

describe('typing is safe', () => {
  it('does not send on the Enter of an input method', async () => {
    await mountOn(desk)
    await open('c-wang')
    write('您好')
    key(composer(), { key: 'Enter', isComposing: true })
    key(composer(), { key: 'Enter', keyCode: 229 })
    expect(composer().value).toBe('您好')
    expect(asked('chat.send')).toEqual([])
  })

  it('asks once when a text is sent within a second of switching', async () => {
    await mountOn(desk)
    await open('c-wang')
    const switched = Date.now()
    row('c-chen').click()
    await seen(() => composer().getAttribute('aria-label') === '回复 陈默')
    await seen(() => document.querySelector('[role="log"][aria-busy="false"]') !== null)
    write('XL 可以')
    vi.spyOn(Date, 'now').mockReturnValue(switched + GUARD_MS - 1)
    key(composer(), { key: 'Enter' })
    vi.restoreAllMocks()
    await seen(() => says('确定发给 陈默？'))
    expect(asked('chat.send')).toEqual([])
    key(composer(), { key: 'Enter' })
    await seen(() => asked('chat.send').length === 1)
  })

  it('keeps a draft with its conversation and shows it in the row', async () => {
    await mountOn(desk)
    await open('c-wang')
    write('写了一半')
    row('c-chen').click()
    await seen(() => composer().getAttribute('aria-label') === '回复 陈默')
    expect(composer().value).toBe('')
    expect(row('c-wang').textContent).toContain('写了一半')
    row('c-wang').click()
    await seen(() => composer().value === '写了一半')
  })

  it('shows above Send what the buyer said meanwhile', async () => {
    await mountOn(desk)
    await open('c-wang')
    write('我帮您查')
    desk.say('c-wang', '不用了找到了')
    await seen(() => document.querySelector('.arrived')?.textContent?.includes('不用了找到了') === true)
  })

  it('keeps notes and replies apart', async () => {
    await mountOn(desk)
    await open('c-wang')
    write('给买家')
    key(composer(), { key: '/', code: 'Slash', ctrlKey: true })
    await seen(() => composer().value === '')
    write('给同事')
    key(composer(), { key: 'Enter' })
    await seen(() => asked('chat.note').length === 1)
    expect(asked('chat.send')).toEqual([])
    expect(asked('chat.note')[0]).toMatchObject({ text: '给同事' })
    key(composer(), { key: '/', code: 'Slash', ctrlKey: true })
    await seen(() => composer().value === '给买家')
  })

  it('refuses a text over the limit before it is sent, and counts', async () => {
    await mountOn(desk)
    await open('c-wang')
    write('好'.repeat(4_001))
    await seen(() => says('已超 1 字'))
    expect(find<HTMLButtonElement>('.send').disabled).toBe(true)
    write('好'.repeat(4_000))
    await seen(() => !find<HTMLButtonElement>('.send').disabled)
  })

  it('leaves single letters to the text and acts on them elsewhere', async () => {
    await mountOn(desk)
    await open('c-chen')
    key(composer(), { key: 'e' })
    expect(says('秒后结束')).toBe(false)
    key(document.body, { key: 'j' })
    await seen(() => row('c-li').getAttribute('aria-current') === 'true')
    key(document.body, { key: 'e' })
    await seen(() => says('秒后结束与 李楠楠 的会话'))
  })
})

describe('closing', () => {
  const late = () => vi.spyOn(Date, 'now').mockReturnValue(Date.now() + UNDO_MS)

  it('is not sent when it was taken back', async () => {
    await mountOn(desk)
    await open('c-wang')
    button('结束', find('main header')).click()
    await seen(() => says('秒后结束与 王小雨 的会话'))
    expect(row('c-wang').textContent).toContain('即将结束')
    button('撤销').click()
    await seen(() => !says('秒后结束'))
    late()
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect(asked('conversation.close')).toEqual([])
  })

  it('is sent after five seconds, under the fence of the moment it was said', async () => {
    await mountOn(desk)
    await open('c-wang')
    button('结束', find('main header')).click()
    await seen(() => says('秒后结束'))
    expect(asked('conversation.close')).toEqual([])
    late()
    await seen(() => asked('conversation.close').length === 1)
    expect(asked('conversation.close')[0]).toMatchObject({ conversation_id: 'c-wang', fence: 3 })
    vi.restoreAllMocks()
    await seen(() => says('会话已结束，只能查看'))
  })

  it('is called off when the buyer speaks again', async () => {
    await mountOn(desk)
    await open('c-wang')
    button('结束', find('main header')).click()
    await seen(() => says('秒后结束'))
    desk.say('c-wang', '等等')
    await seen(() => says('又说话了，会话没有结束'))
    expect(says('秒后结束')).toBe(false)
  })

  it('waits for a connection in sight, and can be taken back until there is one', async () => {
    await mountOn(desk)
    await open('c-wang')
    desk.cut()
    await seen(() => says('连接已断开，自'))
    button('结束', find('main header')).click()
    await seen(() => says('连上后结束与 王小雨 的会话'))
    late()
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    vi.restoreAllMocks()
    expect(says('连上后结束与 王小雨 的会话')).toBe(true)
    button('撤销').click()
    await seen(() => !says('连上后结束'))
  })

  it('says why it was refused', async () => {
    desk.refusals.set('conversation.close', 'stale_fence')
    await mountOn(desk)
    await open('c-wang')
    button('结束', find('main header')).click()
    await seen(() => says('立即结束'))
    button('立即结束').click()
    await seen(() => says('会话没有结束：会话已转给他人'))
  })
})

describe('an offer', () => {
  const offer = () => {
    const now = Date.now()
    desk.emit('conversation.offered', { offer_id: 'offer-c-wu', fence: 4, now, expires_at: now + 20_000, why: ['退换 2 级'], summary: desk.get('c-wu').row })
  }

  it('comes with who, why and the time, and takes no focus', async () => {
    await mountOn(desk)
    await open('c-wang')
    composer().focus()
    write('我正在')
    offer()
    await seen(() => says('吴昊') && says('退换 2 级'))
    expect(document.activeElement).toBe(composer())
    key(composer(), { key: 'Enter' })
    await seen(() => asked('chat.send').length === 1)
    expect(asked('conversation.accept')).toEqual([])
  })

  it('is taken by Enter only when the card has the focus', async () => {
    await mountOn(desk)
    offer()
    await seen(() => document.querySelector('article.offer') !== null)
    key(document.body, { key: 'Enter' })
    expect(asked('conversation.accept')).toEqual([])
    key(find('article.offer'), { key: 'Enter' })
    await seen(() => asked('conversation.accept').length === 1)
    await seen(() => row('c-wu').getAttribute('aria-current') === 'true')
  })

  it('is taken from anywhere by Ctrl+Shift+A, without leaving the sentence one is in', async () => {
    await mountOn(desk)
    await open('c-wang')
    composer().focus()
    offer()
    await seen(() => document.querySelector('article.offer') !== null)
    key(composer(), { key: 'A', code: 'KeyA', ctrlKey: true, shiftKey: true })
    await seen(() => asked('conversation.accept').length === 1)
    await seen(() => document.querySelector('article.offer') === null)
    expect(row('c-wang').getAttribute('aria-current')).toBe('true')
  })

  it('goes and says so when it was missed or too late', async () => {
    await mountOn(desk)
    offer()
    await seen(() => document.querySelector('article.offer') !== null)
    desk.emit('conversation.offer_ended', { offer_id: 'offer-c-wu', outcome: 'missed' })
    await seen(() => says('没有及时接起') && document.querySelector('article.offer') === null)
    desk.refusals.set('conversation.accept', 'already_taken')
    offer()
    await seen(() => document.querySelector('article.offer') !== null)
    button('接起').click()
    await seen(() => says('已被其他客服接起') && document.querySelector('article.offer') === null)
  })
})

describe('rows and the wall', () => {
  it('hold still under the pointer and settle when it goes', async () => {
    await mountOn(desk)
    await seen(() => rowOrder().length === 4)
    const list = find('#rows')
    const pointer = (type: string) => list.dispatchEvent(new PointerEvent(type, { pointerType: 'mouse' }))
    pointer('pointerenter')
    desk.give('c-chen', 'p-zhou', '周周')
    await seen(() => row('c-chen').textContent?.includes('已离开此列表') === true)
    expect(rowOrder()).toEqual(['c-chen', 'c-li', 'c-wang', 'c-zhao'])
    pointer('pointerleave')
    await seen(() => rowOrder().length === 3)
    expect(rowOrder()).toEqual(['c-li', 'c-wang', 'c-zhao'])
  })

  it('shows the wall to supervisors, longest wait first, and says when it stands still', async () => {
    await mountOn(desk)
    find('nav a[aria-label="看板"]').click()
    await seen(() => document.querySelectorAll('tbody tr').length === 3)
    expect(find('tbody tr').textContent).toContain('售后组')
    expect(find('tbody tr').textContent).toContain('4:12')
    desk.refusals.set('wall.load', 'internal')
    await seen(() => says('看板停在'))
  })

  it('hides the wall from agents', async () => {
    desk.me = { ...desk.me, memberships: desk.me.memberships.map((one) => ({ ...one, role: 'agent' as const })) }
    desk.signedIn = desk.me
    await mountOn(desk)
    expect([...document.querySelectorAll('nav a')].map((one) => one.getAttribute('aria-label'))).toEqual(['工作台', '工单', '设置'])
  })

  it('hands a conversation on with a note, and not without', async () => {
    await mountOn(desk)
    await open('c-wang')
    await seen(() => document.querySelector('main header .act') !== null)
    button('转接').click()
    await seen(() => document.querySelector('input[value="g-size"]') !== null)
    const dialog = find('input[value="g-size"]').closest('[role="dialog"]') as HTMLElement
    button('转接', dialog).click()
    await seen(() => says('请选择转给谁'))
    find<HTMLInputElement>('input[value="g-size"]').click()
    button('转接', dialog).click()
    await seen(() => says('请写一句转接说明'))
    const note = find<HTMLTextAreaElement>('#transfer-note')
    note.value = '已核实漏发围巾'
    note.dispatchEvent(new Event('input'))
    button('转接', dialog).click()
    await seen(() => asked('conversation.transfer').length === 1)
    expect(asked('conversation.transfer')[0]).toMatchObject({ group_id: 'g-size', note: '已核实漏发围巾', fence: 3 })
    await seen(() => says('已转给 尺码顾问'))
  })
})
