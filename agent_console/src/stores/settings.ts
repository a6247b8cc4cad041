/** What a person chose for this browser. Kept in local storage; without storage it lasts as long as the page. */

import { defineStore } from 'pinia'
import { ref, watch } from 'vue'
import { i18n } from '../i18n/index.ts'

export type Theme = 'system' | 'light' | 'dark'
export type Language = 'zh-CN' | 'en'
export type Density = 'comfortable' | 'compact'
export type SoundName = 'offer' | 'call' | 'first' | 'overdue' | 'disconnected'
export const SOUND_NAMES: readonly SoundName[] = ['offer', 'call', 'first', 'overdue', 'disconnected']

export interface Settings {
  theme: Theme
  language: Language
  density: Density
  /** Single-letter shortcuts (J, K, E, ?); those with a modifier always work. */
  shortcuts: boolean
  notifications: boolean
  sounds: Record<SoundName, boolean>
}

const KEY = 'livedesk.console.settings'

const INITIAL: Settings = {
  theme: 'system',
  language: 'zh-CN',
  density: 'comfortable',
  shortcuts: true,
  notifications: false,
  sounds: { offer: true, call: true, first: true, overdue: true, disconnected: true },
}

/** Settings as stored, field by field; anything unknown or malformed falls back to its first value. */
export function settingsFrom(text: string | null): Settings {
  let stored: Partial<Settings> = {}
  try {
    const parsed: unknown = JSON.parse(text ?? '{}')
    if (typeof parsed === 'object' && parsed !== null) stored = parsed as Partial<Settings>
  } catch {
    stored = {}
  }
  const pick = <T>(value: unknown, allowed: readonly T[], otherwise: T): T =>
    allowed.includes(value as T) ? (value as T) : otherwise
  const yesNo = (value: unknown, otherwise: boolean) => (typeof value === 'boolean' ? value : otherwise)
  const sounds = (typeof stored.sounds === 'object' && stored.sounds !== null ? stored.sounds : {}) as Record<string, unknown>
  return {
    theme: pick<Theme>(stored.theme, ['system', 'light', 'dark'], INITIAL.theme),
    language: pick<Language>(stored.language, ['zh-CN', 'en'], INITIAL.language),
    density: pick<Density>(stored.density, ['comfortable', 'compact'], INITIAL.density),
    shortcuts: yesNo(stored.shortcuts, INITIAL.shortcuts),
    notifications: yesNo(stored.notifications, INITIAL.notifications),
    sounds: {
      offer: yesNo(sounds['offer'], true),
      call: yesNo(sounds['call'], true),
      first: yesNo(sounds['first'], true),
      overdue: yesNo(sounds['overdue'], true),
      disconnected: yesNo(sounds['disconnected'], true),
    },
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}

export const useSettings = defineStore('settings', () => {
  const settings = ref<Settings>(settingsFrom(stored()))
  watch(
    settings,
    (now) => {
      try {
        localStorage.setItem(KEY, JSON.stringify(now))
      } catch {
        // Storage is refused: the choice holds for this page.
      }
    },
    { deep: true },
  )
  watch(
    () => [settings.value.theme, settings.value.language, settings.value.density] as const,
    ([theme, language, density]) => {
      const root = document.documentElement
      if (theme === 'system') delete root.dataset['theme']
      else root.dataset['theme'] = theme
      root.lang = language
      i18n.global.locale.value = language
      root.dataset['density'] = density
    },
    { immediate: true },
  )
  return { settings }
})
