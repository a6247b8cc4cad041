import { shallowRef, type ShallowRef } from 'vue'
import type { Locale } from './locale.ts'
import { zh, type Words } from './words/zh-CN.ts'

export { readersLocale, toLocale, type Locale } from './locale.ts'
export type { Words }

export const locale: ShallowRef<Locale> = shallowRef('zh-CN')
export const words: ShallowRef<Words> = shallowRef(zh)

/** Speaks that language from when the answer resolves; Chinese at once, another one when it has come. */
export async function setLocale(to: Locale): Promise<void> {
  wished = to
  let spoken = zh
  if (to === 'en') {
    try {
      spoken = (await import('./words/en.ts')).en
    } catch {
      // Not to be had now: better the other language than none.
      if (wished === to) wished = locale.value
      return
    }
  }
  if (wished !== to) return
  locale.value = to
  words.value = spoken
}
let wished: Locale = 'zh-CN'

/** The language that is spoken, or will be once its words have come: the desk is told it from the first. */
export const wishedLocale = (): Locale => wished

/** The sentence for a refusal's code. */
export function codeWords(code: string): string {
  const { code: known } = words.value
  return code in known ? known[code as keyof typeof known] : known.other
}
