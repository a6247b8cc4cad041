import { describe, expect, test } from 'vitest'
import { accentTokens, contrast, parse } from '../src/accent.ts'
import { readStart, withoutSecrets } from '../src/start.ts'
import { isComposing, moment, money, parts, safeHref, safePicture, streamTime } from '../src/text.ts'
import { toLocale } from '../src/words.ts'
import { en } from '../src/words/en.ts'
import { zh } from '../src/words/zh-CN.ts'

describe('links in messages', () => {
  test('only http and https become links, and the sentence around them does not', () => {
    expect(parts('看 https://a.example/x?y=1。再说')).toEqual([
      { text: '看 ' },
      { text: 'https://a.example/x?y=1', href: 'https://a.example/x?y=1' },
      { text: '。再说' },
    ])
    expect(parts('(see http://b.example/page).').map((part) => part.href)).toEqual([undefined, 'http://b.example/page', undefined])
  })

  test.each([
    'javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:msgbox(1)',
    'file:///etc/passwd',
    'https://',
    'http://[',
    'https://user:secret@a.example/',
    'ws://a.example',
    'JaVaScRiPt://https://a.example/%0aalert(1)',
  ])('%s is not one', (text) => {
    const links = parts(text).flatMap((part) => (part.href === undefined ? [] : [part.href]))
    expect(links.every((href) => href.startsWith('https://a.example/'))).toBe(true)
    expect(safeHref(text)).toBeNull()
  })

  test('nothing of a text is lost by cutting it into parts', () => {
    for (const text of ['', 'plain', 'https://a.example', 'x https://a.example/, y http://b.example!', '\n\nhttps://', '🙂https://a.example🙂']) {
      expect(parts(text).map((part) => part.text).join('')).toBe(text)
    }
  })

  test('a picture comes over http, https or from the desk itself', () => {
    expect(safePicture('/pictures/a.png', 'https://desk.example/c/s')).toBe('https://desk.example/pictures/a.png')
    expect(safePicture('https://cdn.example/a.png', 'https://desk.example')).toBe('https://cdn.example/a.png')
    for (const bad of ['javascript:alert(1)', 'data:image/svg+xml,<svg/>', '', null]) {
      expect(safePicture(bad, 'https://desk.example')).toBeNull()
    }
  })
})

describe('small words', () => {
  test('an Enter that ends a composition is told from one that sends', () => {
    const press = (init: KeyboardEventInit & { keyCode?: number }): KeyboardEvent =>
      Object.assign(new KeyboardEvent('keydown', { key: 'Enter', ...init }), init.keyCode ? { keyCode: init.keyCode } : {})
    expect(isComposing(press({ isComposing: true }))).toBe(true)
    expect(isComposing({ isComposing: false, keyCode: 229 } as KeyboardEvent)).toBe(true)
    expect(isComposing({ isComposing: false, keyCode: 13 } as KeyboardEvent)).toBe(false)
  })

  test('money, stream times and moments are written as people write them', () => {
    expect(money(12_900, 'CNY', 'zh-CN')).toBe('¥129.00')
    expect(money(500, 'JPY', 'zh-CN')).toBe('¥500')
    expect(streamTime(754_000)).toBe('12:34')
    expect(streamTime(4_354_999)).toBe('1:12:34')
    const now = new Date(2026, 10, 22, 15, 0).getTime()
    expect(moment(new Date(2026, 10, 22, 9, 5).getTime(), now, 'zh-CN', '昨天')).toBe('09:05')
    expect(moment(new Date(2026, 10, 21, 23, 59).getTime(), now, 'zh-CN', '昨天')).toBe('昨天 23:59')
    expect(moment(new Date(2026, 10, 2, 9, 5).getTime(), now, 'zh-CN', '昨天')).toBe('11月2日 09:05')
    expect(moment(new Date(2025, 0, 2, 9, 5).getTime(), now, 'en', 'Yesterday')).toBe('Jan 2, 2025 09:05')
  })

  test('wishes for a language are Chinese, English or none', () => {
    expect([toLocale('zh'), toLocale('zh-Hans-CN'), toLocale('en-GB'), toLocale('fr'), toLocale(''), toLocale(null)]).toEqual([
      'zh-CN',
      'zh-CN',
      'en',
      null,
      null,
      null,
    ])
  })

  test('both languages have every word, and none is empty', () => {
    const flat = (words: object): [string, unknown][] =>
      Object.entries(words).flatMap(([key, value]) => (typeof value === 'object' ? flat(value as object) : [[key, value]]))
    expect(flat(en).map(([key]) => key)).toEqual(flat(zh).map(([key]) => key))
    for (const [, word] of [...flat(en), ...flat(zh)]) {
      expect(typeof word === 'function' ? (word as (value: never) => string)(2 as never) : word).not.toBe('')
    }
  })

  test('every colour a merchant may choose leaves every text readable', () => {
    for (let value = 0; value < 0xffffff; value += 0x0f0f1) {
      const accent = `#${value.toString(16).padStart(6, '0')}`
      for (const theme of ['light', 'dark'] as const) {
        const tokens = accentTokens(accent, theme)
        const ratio = (a: string, b: string): number => contrast(parse(a), parse(b))
        expect(ratio(tokens['--ld-on-accent'], tokens['--ld-accent'])).toBeGreaterThanOrEqual(4.5)
        expect(ratio(tokens['--ld-accent-text'], theme === 'light' ? '#ffffff' : '#1c1f26')).toBeGreaterThanOrEqual(4.5)
        expect(ratio(theme === 'light' ? '#1c1f26' : '#eceef2', tokens['--ld-accent-soft'])).toBeGreaterThanOrEqual(4.5)
      }
    }
  })
})

describe('the address', () => {
  test('of a page of our own names shop, place and identity, and loses what must not stay in it', () => {
    const url = new URL('https://desk.example/c/s1?order=o1&product=p1&session=l1&position=65000&topic=%E9%80%80%E8%B4%A7&code=one-time-code-xyz#identity=a.b.c')
    expect(readStart(url)).toEqual({
      mode: 'page',
      shop: 's1',
      parent: null,
      place: { order: 'o1', product: 'p1', liveSession: 'l1', positionMs: 65_000, topic: '退货' },
      identity: 'a.b.c',
      code: 'one-time-code-xyz',
      locale: null,
    })
    expect(withoutSecrets(url)).toBe('/c/s1?order=o1&product=p1&session=l1&position=65000&topic=%E9%80%80%E8%B4%A7')
  })

  test.each(['/c/', '/c/%E0%A4', '/c/%3Cscript%3E', '/c/a/b'])('%s names no shop', (path) => {
    expect(readStart(new URL(path, 'https://desk.example')).shop).toBe('')
  })

  test('of a frame names the page around it, and never an identity', () => {
    const url = new URL('https://desk.example/widget/frame?shop=s1&parent=https%3A%2F%2Fshop.example&code=c#identity=x')
    expect(readStart(url)).toMatchObject({ mode: 'frame', shop: 's1', parent: 'https://shop.example', identity: null, code: null })
  })

  test.each(['javascript:alert(1)', 'https://shop.example/', 'https://shop.example/path', 'null', '*', 'shop.example'])(
    'the parent %s is none',
    (parent) => {
      const url = new URL(`https://desk.example/widget/frame?shop=s1&parent=${encodeURIComponent(parent)}`)
      expect(readStart(url).parent).toBeNull()
    },
  )

  test('what has no proper form is left out', () => {
    const url = new URL('https://desk.example/c/s1?order=%3Cscript%3E&product=&position=-3&session=a%20b')
    expect(readStart(url).place).toEqual({})
    expect(readStart(new URL('https://desk.example/widget/frame?shop=..%2F..%2Fx')).shop).toBe('')
  })
})
