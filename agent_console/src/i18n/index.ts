/** The two languages, and words for what the wire says in codes. */

import { createI18n } from 'vue-i18n'
import type { Language } from '../stores/settings.ts'
import { enCalls, zhCalls } from './calls.ts'
import en from './en.ts'
import { enReasons, zhReasons } from './reasons.ts'
import { enRecordings, zhRecordings } from './recordings.ts'
import zh from './zh-CN.ts'

export const messages = {
  'zh-CN': { ...zh, reason: { ...zhReasons, other: '其他依据（{code}）' }, call: zhCalls, recording: zhRecordings },
  en: { ...en, reason: { ...enReasons, other: 'Another reason ({code})' }, call: enCalls, recording: enRecordings },
}

export type Messages = (typeof messages)['zh-CN']

export const i18n = createI18n<[Messages], Language, false>({
  legacy: false,
  locale: 'zh-CN',
  fallbackLocale: 'zh-CN',
  messages,
})
