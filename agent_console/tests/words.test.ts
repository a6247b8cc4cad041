import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { phrase } from '../src/desk/reasons.ts'
import { i18n, messages } from '../src/i18n/index.ts'
import { enReasons, zhReasons } from '../src/i18n/reasons.ts'
import { words } from '../src/i18n/refusals.ts'
import { fileOf, wireSchema } from './standin/repository.ts'

const schema = wireSchema()

function leaves(tree: object, at = ''): Map<string, string> {
  const found = new Map<string, string>()
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') found.set(`${at}${key}`, value)
    else for (const [path, leaf] of leaves(value as object, `${at}${key}.`)) found.set(path, leaf)
  }
  return found
}

const zh = leaves(messages['zh-CN'])
const en = leaves(messages.en)
const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort()

describe('the two languages', () => {
  it('have the same sentences', () => {
    expect([...en.keys()].sort()).toEqual([...zh.keys()].sort())
  })

  it('leave no sentence empty and fill the same places', () => {
    for (const [key, text] of zh) {
      expect(text.trim(), key).not.toBe('')
      expect(holes(en.get(key) ?? ''), key).toEqual(holes(text))
    }
  })

  it.each([
    ['zh-CN', zh],
    ['en', en],
  ])('call the people of a call the same everywhere (%s)', (_, sentences) => {
    for (const role of ['buyer', 'agent', 'supervisor', 'guest']) {
      const names = [...sentences].filter(([key]) => key.endsWith(`.role.${role}`)).map(([, name]) => name)
      expect(names.length).toBeGreaterThan(2)
      expect(new Set(names).size, names.join()).toBe(1)
    }
  })

  it('do not mix: no Chinese in English sentences but the names of things', () => {
    const mixed = [...en].filter(([, text]) => /[一-鿿]/.test(text.replaceAll('客服', '')))
    expect(mixed).toEqual([])
  })
})

it.each(['agent_console', 'widget'])('no component of %s writes Chinese, not even a stop, past its words', (part) => {
  const source = `${part}/src`
  const components = readdirSync(join(import.meta.dirname, '../..', source), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.vue'))
  expect(components.length).toBeGreaterThan(10)
  for (const name of components) expect(fileOf(join(source, name)).replaceAll('中文', ''), name).not.toMatch(/[\u3000-\u9fff\uff00-\uffef]/)
})

describe('refusals in words', () => {
  it('have a sentence for every code that the server declares, and for those of the client', () => {
    const codes = [...(schema.$defs['ErrorCode']?.enum ?? []), 'offline', 'timeout', 'expired', 'ended', 'malformed']
    expect(codes.length).toBeGreaterThan(20)
    for (const code of codes) expect(zh.has(`refusal.${code}`), code).toBe(true)
  })

  it('fall back to what the server wrote', () => {
    i18n.global.locale.value = 'zh-CN'
    expect(words({ code: 'stale_fence', message: 'x' })).toContain('会话已转给他人')
    expect(words({ code: 'brand_new' as never, message: 'Something new.' })).toBe('Something new.')
  })
})

describe('the reasons of a provenance', () => {
  const speech = { duration: (ms: number) => `${ms / 1000}s`, moment: (at: number) => `@${at}`, position: (ms: number) => `#${ms}` }
  const declared = /ReasonCode = Literal\[(.*?)\n\]/s.exec(fileOf('aftersales/provenance.py'))?.[1] ?? ''
  const codes = [...declared.matchAll(/"(\w+)"/g)].map((match) => match[1] as string)

  it('have words for every code that binding knows, and for no other', () => {
    expect(codes.length).toBeGreaterThan(10)
    expect(Object.keys(zhReasons).sort()).toEqual([...codes].sort())
    expect(Object.keys(enReasons).sort()).toEqual([...codes].sort())
  })

  it('say lengths, moments and positions in words', () => {
    expect(phrase({ code: 'on_air', data: { since_ms: 8_000, seen_at: 5 } }, speech)).toEqual({
      key: 'reason.on_air', words: { since: '8s', seen_at: '@5' },
    })
    expect(phrase({ code: 'position_used', data: { position_ms: 61_000 } }, speech).words).toEqual({ position: '#61000' })
    expect(phrase({ code: 'several_sessions', data: { count: 2, segments: 3 } }, speech).words).toEqual({ count: '2', segments: '3' })
  })

  it('show a code without words as it is', () => {
    expect(phrase({ code: 'from_the_future' }, speech)).toEqual({ key: 'reason.other', words: { code: 'from_the_future' } })
  })
})
