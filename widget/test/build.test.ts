// @vitest-environment node
import { gzipSync } from 'node:zlib'
import { join } from 'node:path'
import { build, type Rolldown } from 'vite'
import { beforeAll, describe, expect, test, vi } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
type Built = Rolldown.OutputChunk | Rolldown.OutputAsset
let app: Built[]
let pages: Built[]
let loader: Built[]

async function made(configFile: string): Promise<Built[]> {
  const mode = 'production'
  const result = await build({ configFile: join(ROOT, configFile), mode, logLevel: 'silent', build: { write: false } })
  return (Array.isArray(result) ? result : [result as Rolldown.RolldownOutput]).flatMap((one) => one.output)
}
beforeAll(async () => {
  // What is built follows this, and the runner of tests has set it otherwise.
  vi.stubEnv('NODE_ENV', 'production')
  app = await made('vite.config.ts')
  pages = await made('pages.config.ts')
  loader = await made('loader/vite.config.ts')
}, 60_000)

const chunks = (of: Built[]): Rolldown.OutputChunk[] => of.filter((one): one is Rolldown.OutputChunk => one.type === 'chunk')
const zipped = (code: string): number => gzipSync(code, { level: 9 }).length

/** What the browser loads before the first message: the entry and what it imports at once. */
function first(): Rolldown.OutputChunk[] {
  const all = new Map(chunks(app).map((one) => [one.fileName, one]))
  const found = new Set<string>()
  const follow = (name: string): void => {
    const one = all.get(name)
    if (!one || found.has(name)) return
    found.add(name)
    one.imports.forEach(follow)
  }
  chunks(app).filter((one) => one.isEntry).forEach((one) => follow(one.fileName))
  return [...found].map((name) => all.get(name)!)
}

describe('the build', () => {
  test('the loader is one classic script of at most 4 KB', () => {
    expect(loader).toHaveLength(1)
    const [script] = chunks(loader)
    expect(script!.fileName).toBe('livedesk.js')
    expect(script!.imports).toEqual([])
    expect(zipped(script!.code)).toBeLessThanOrEqual(4_096)
    // A classic script: nothing of it is visible to the page but LiveDesk.
    expect(() => new Function(script!.code)).not.toThrow()
    expect(script!.code.trim()).toMatch(/^\(function\(\)\{|^\(\(\)=>\{|^\(function \(\)/)
  })

  test('the app needs at most 60 KB of script up to the first message', () => {
    expect(first().reduce((sum, one) => sum + zipped(one.code), 0)).toBeLessThanOrEqual(60_000)
  })

  test('what is not needed for it is not in it', () => {
    const late = chunks(app).filter((one) => !first().includes(one)).map((one) => one.name)
    expect(late).toEqual(expect.arrayContaining(['HistoryView', 'LeaveNotice', 'accent', 'en', 'findings']))
    expect(first().map((one) => one.code).join('')).not.toMatch(/XMLHttpRequest|webtransport:/i)
  })

  test('the page has no script and no style of its own, as its policy demands', () => {
    for (const [built, name] of [[app, 'frame.html'], [pages, 'guest.html'], [pages, 'selftest.html']] as const) {
      const page = built.find((one) => one.fileName === name) as Rolldown.OutputAsset
      const html = String(page.source)
      expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)/)
      for (const [, address] of html.matchAll(/(?:src|href)="([^"]+)"/g)) expect(address).toMatch(/^\/widget\/assets\//)
    }
  })

  test('nothing is called that WebView 80 and iOS 14 do not have', () => {
    const missing = /\.at\(-|\.replaceAll\(|structuredClone|randomUUID|Object\.hasOwn\(|\?\?=|\|\|=|\bstatic\{|#[a-z]+ in /
    for (const { code, fileName } of [...chunks(app), ...chunks(pages), ...chunks(loader)]) {
      expect(missing.exec(code)?.[0], fileName).toBeUndefined()
    }
    const css = [...app, ...pages].filter((one) => one.fileName.endsWith('.css')).map((one) => String((one as Rolldown.OutputAsset).source)).join('')
    expect(/inset:|:is\(|:where\(|dvh|aspect-ratio:|color-mix/.exec(css)?.[0]).toBeUndefined()
  })
})
