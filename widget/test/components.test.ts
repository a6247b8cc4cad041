import type { Card } from '@livedesk/protocol'
import { flushPromises, mount } from '@vue/test-utils'
import { shallowReactive } from 'vue'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import CardView from '../src/components/CardView.vue'
import Composer from '../src/components/Composer.vue'
import HistoryView from '../src/components/HistoryView.vue'
import MessageBubble from '../src/components/MessageBubble.vue'
import Transcript from '../src/components/Transcript.vue'
import type { Desk } from '../src/desk.ts'
import type { MessageRow } from '../src/transcript.ts'

/** Things people paste into chats to see what happens. */
const NASTY = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<svg/onload=alert(1)>',
  '"><iframe src="javascript:alert(1)">',
  '{{constructor.constructor("alert(1)")()}}',
  '<a href="javascript:alert(1)">x</a>',
  'javascript:alert(1)',
  'https://a.example/"onmouseover="alert(1)',
  "https://a.example/'><script>alert(1)</script>",
  'https://a.example/#<img src=x onerror=alert(1)>',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '\u202Etxt.exe\u202C',
  '<style>*{display:none}</style>',
  '<!--<img src="--><img src=x onerror=alert(1)//">',
  '<math><mtext></p><img src onerror=alert(1)>',
  ']]><![CDATA[<script>alert(1)</script>',
  '<b onclick=alert(1)>bold</b>',
  '\\u003cscript\\u003ealert(1)',
]

const row = (more: Partial<MessageRow> = {}): MessageRow => ({
  row: 'message',
  key: 'k',
  mine: false,
  name: '木槿',
  content: { kind: 'text', text: 'hello' },
  quoted: null,
  seq: 3,
  clientId: null,
  at: Date.now(),
  state: 'sent',
  showState: true,
  failure: null,
  recalling: false,
  recallFailure: null,
  ...more,
})
const bubble = (more: Partial<MessageRow> = {}, props: object = {}) =>
  mount(MessageBubble, { props: { row: row(more), now: Date.now(), open: false, fixed: false, ...props } })

const ALLOWED = new Set(['ARTICLE', 'P', 'SPAN', 'DIV', 'BUTTON', 'SVG', 'PATH', 'A', 'IMG'])

describe('words of others are only ever text', () => {
  test.each(NASTY)('%s', (text) => {
    const order: Card = { card: 'order', order_id: 'o1', status: 'paid', total: 1, currency: 'CNY', placed_at: 1, titles: [text] }
    const product: Card = { card: 'product', product_id: 'p', title: text, picture: text }
    const context: Card = { card: 'context', live_title: text, topic: text, product, position_ms: 1 }
    const shown = [
      bubble({ content: { kind: 'text', text }, name: text, quoted: { mine: false, name: text, text, card: null } }),
      bubble({ content: { kind: 'card', card: product }, quoted: { mine: false, name: null, text: null, card: order } }),
      mount(CardView, { props: { card: order } }),
      mount(CardView, { props: { card: context } }),
    ]
    expect(shown[0]!.find('.text').text()).toBe(text.trim())
    for (const wrapper of shown) {
      for (const element of [wrapper.element, ...wrapper.element.querySelectorAll('*')]) {
        expect(ALLOWED.has(element.tagName.toUpperCase())).toBe(true)
        for (const { name, value } of Array.from((element as Element).attributes)) {
          expect(name.startsWith('on')).toBe(false)
          if (name === 'href' || name === 'src') expect(value).toMatch(/^https?:/)
        }
      }
    }
  })

  test('a link goes nowhere by itself and takes nothing along', async () => {
    const wrapper = bubble({ content: { kind: 'text', text: '看 https://help.example/x' } })
    const link = wrapper.find('a')
    expect(link.attributes()).toMatchObject({ href: 'https://help.example/x', target: '_blank', rel: 'noopener noreferrer nofollow' })
    await link.trigger('click')
    expect(wrapper.emitted('leave')).toEqual([['https://help.example/x']])
    expect(wrapper.emitted('toggle')).toBeUndefined()
  })
})

describe('a message', () => {
  test('offers recall for one’s own message of the last two minutes only', () => {
    const now = Date.now()
    const labels = (more: Partial<MessageRow>, at: number): string[] =>
      bubble({ ...more, at: now - at }, { open: true, now }).findAll('.actions button').map((button) => button.text())
    expect(labels({ mine: true }, 119_000)).toEqual(['引用', '复制', '撤回'])
    expect(labels({ mine: true }, 120_000)).toEqual(['引用', '复制'])
    expect(labels({ mine: false }, 1_000)).toEqual(['引用', '复制'])
  })

  test('that failed says why and can be sent again or given up', async () => {
    const wrapper = bubble({ mine: true, state: 'failed', seq: null, failure: { code: 'conversation_closed', message: '' } })
    expect(wrapper.find('[role=alert]').text()).toContain('未发出 · 咨询已结束。')
    const [again, away] = wrapper.findAll('.failure button')
    await again!.trigger('click')
    await away!.trigger('click')
    expect(wrapper.emitted()).toMatchObject({ retry: [[]], discard: [[]] })
  })

  test.each([
    ['pending', '发送中'],
    ['sent', '已发送'],
    ['delivered', '已送达'],
    ['read', '已读'],
  ] as const)('that is %s says %s', (state, words) => {
    expect(bubble({ mine: true, state }).find('.state').text()).toBe(words)
  })

  test('that was recalled keeps its place and loses its words', () => {
    expect(bubble({ content: { kind: 'recalled' } }).text()).toBe('对方撤回了一条消息')
  })
})

function fakeDesk(more: Record<string, unknown> = {}) {
  const state = shallowReactive({ phone: false, size: 'sheet', log: null, unread: 0, ...more })
  return {
    state,
    draft: { text: '' },
    typing: vi.fn(),
    looks: vi.fn(),
    send: vi.fn(() => true),
    sendCard: vi.fn(() => true),
    recall: vi.fn(),
    retry: vi.fn(),
    discard: vi.fn(),
  }
}

describe('the composer', () => {
  let desk: ReturnType<typeof fakeDesk>
  const composer = () => mount(Composer, { props: { desk: desk as unknown as Desk, quoting: null }, attachTo: document.body })
  beforeEach(() => {
    desk = fakeDesk()
  })

  test('Enter sends, with Shift it does not', async () => {
    const wrapper = composer()
    await wrapper.find('textarea').setValue('  你好  ')
    await wrapper.find('textarea').trigger('keydown', { key: 'Enter', shiftKey: true })
    expect(desk.send).not.toHaveBeenCalled()
    await wrapper.find('textarea').trigger('keydown', { key: 'Enter' })
    expect(desk.send).toHaveBeenCalledExactlyOnceWith('你好', undefined)
    expect(wrapper.find('textarea').element.value).toBe('')
    wrapper.unmount()
  })

  test('what the desk would refuse is not sent, and alone it is nothing to send', async () => {
    const wrapper = composer()
    await wrapper.find('textarea').setValue('\u0000')
    await wrapper.find('textarea').trigger('keydown', { key: 'Enter' })
    expect(desk.send).not.toHaveBeenCalled()
    await wrapper.find('textarea').setValue('你\u0000好\ud83d')
    await wrapper.find('textarea').trigger('keydown', { key: 'Enter' })
    expect(desk.send).toHaveBeenCalledExactlyOnceWith('你好', undefined)
    wrapper.unmount()
  })

  test.each([
    ['isComposing', { isComposing: true }],
    ['keyCode 229', { keyCode: 229 }],
  ])('Enter during a composition (%s) never sends', async (_, more) => {
    const wrapper = composer()
    await wrapper.find('textarea').setValue('nihao')
    const press = Object.assign(new KeyboardEvent('keydown', { key: 'Enter', cancelable: true, ...more }), {})
    if ('keyCode' in more) Object.defineProperty(press, 'keyCode', { value: 229 })
    wrapper.find('textarea').element.dispatchEvent(press)
    expect(desk.send).not.toHaveBeenCalled()
    expect(press.defaultPrevented).toBe(false)
    expect(wrapper.find('textarea').element.value).toBe('nihao')
    wrapper.unmount()
  })

  test('white space is no message', async () => {
    const wrapper = composer()
    await wrapper.find('textarea').setValue(' \n ')
    await wrapper.find('textarea').trigger('keydown', { key: 'Enter' })
    expect(desk.send).not.toHaveBeenCalled()
    expect(wrapper.find('.send').attributes('disabled')).toBeDefined()
    wrapper.unmount()
  })

  test('4 000 characters can be sent, also such as take two halves; one more cannot', async () => {
    const wrapper = composer()
    await wrapper.find('textarea').setValue('🙂'.repeat(4_000))
    expect(wrapper.find('.send').attributes('disabled')).toBeUndefined()
    await wrapper.find('textarea').setValue('🙂'.repeat(4_001))
    expect(wrapper.find('.send').attributes('disabled')).toBeDefined()
    expect(wrapper.find('[role=alert]').text()).toContain('1')
    wrapper.unmount()
  })

  test('what is written is kept as a draft and comes back', async () => {
    const wrapper = composer()
    await wrapper.find('textarea').setValue('写到一半')
    expect(desk.draft.text).toBe('写到一半')
    wrapper.unmount()
    const again = composer()
    expect(again.find('textarea').element.value).toBe('写到一半')
    again.unmount()
  })

  test('a full outbox takes nothing and clears nothing', async () => {
    desk.send.mockReturnValue(false)
    const wrapper = composer()
    await wrapper.find('textarea').setValue('hello')
    await wrapper.find('textarea').trigger('keydown', { key: 'Enter' })
    expect(wrapper.find('textarea').element.value).toBe('hello')
    expect(wrapper.find('[role=alert]').exists()).toBe(true)
    wrapper.unmount()
  })
})

describe('the transcript', () => {
  test('teaches when it is empty, and is a log for those who listen', () => {
    const desk = fakeDesk()
    const log = { entries: [], outbox: [], marks: {}, typing: true, state: 'open' }
    const wrapper = mount(Transcript, { props: { desk: desk as unknown as Desk, log: log as never } })
    expect(wrapper.find('[role=log]').attributes()).toMatchObject({ 'aria-live': 'polite', 'aria-label': '对话', tabindex: '0' })
    expect(wrapper.text()).toContain('有什么可以帮您？')
    expect(wrapper.text()).toContain('对方正在输入')
    wrapper.unmount()
  })

  test('stays at its end when rows grow after they were drawn, unless one has scrolled up', async () => {
    const watched = new Map<Element, () => void>()
    vi.stubGlobal('ResizeObserver', class {
      constructor(private readonly sized: () => void) {}
      observe(element: Element) { watched.set(element, this.sized) }
      disconnect() { watched.clear() }
    })
    onTestFinished(() => void vi.unstubAllGlobals())
    const log = { entries: [], outbox: [], marks: {}, typing: false, state: 'open' }
    const wrapper = mount(Transcript, { props: { desk: fakeDesk() as unknown as Desk, log: log as never } })
    const scroller = wrapper.find<HTMLElement>('.scroller').element
    const grown = (to: number) => {
      Object.defineProperty(scroller, 'scrollHeight', { configurable: true, value: to })
      watched.get(wrapper.find('.rows').element)!()
    }
    Object.defineProperty(scroller, 'clientHeight', { configurable: true, value: 400 })
    grown(900)
    expect(scroller.scrollTop).toBe(900)
    scroller.scrollTop = 100
    await wrapper.find('.scroller').trigger('scroll')
    grown(1_300)
    expect(scroller.scrollTop).toBe(100)
    wrapper.unmount()
    expect(watched.size).toBe(0)
  })
})

describe('earlier conversations', () => {
  const EARLIER = { conversation_id: 'c1', state: 'closed', last_seq: 4, opened_at: 1, agent_name: '木槿', preview: '已经补发了' }
  function history(client: object | null) {
    const state = shallowReactive({ view: 'history', past: null as string | null })
    const desk = { state, client, showPast: (id: string) => (state.past = id) } as unknown as Desk
    return { state, wrapper: mount(HistoryView, { props: { desk }, global: { stubs: { Transcript: true } } }) }
  }

  test('are listed, and one that is read is followed until it is left', async () => {
    const off = vi.fn()
    const log = { snapshot: { id: 'c1', loaded: true, entries: [] }, subscribe: () => off }
    const client = { request: vi.fn(async () => ({ conversations: [EARLIER] })), log: vi.fn(() => log), forget: vi.fn() }
    const { state, wrapper } = history(client)
    await flushPromises()
    expect(client.request).toHaveBeenCalledExactlyOnceWith('conversation.list', {})
    expect(wrapper.find('.history').text()).toContain('已经补发了')
    await wrapper.find('.history button').trigger('click')
    expect(client.log).toHaveBeenCalledExactlyOnceWith('c1')
    expect(wrapper.find('.choices .button').attributes('disabled')).toBeUndefined()
    state.past = null
    await flushPromises()
    expect(off).toHaveBeenCalledOnce()
    expect(client.forget).toHaveBeenCalledExactlyOnceWith('c1')
  })

  test('are none before there is a connection', async () => {
    const { wrapper } = history(null)
    await flushPromises()
    expect(wrapper.find('.whole').exists()).toBe(true)
    expect(wrapper.find('.history').exists()).toBe(false)
  })
})
