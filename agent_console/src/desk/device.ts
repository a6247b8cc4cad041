/** A browser's own description of itself, shortened to what a person recognises. */

const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/MicroMessenger\/(\d+)/, '微信'],
  [/Edg(?:e|A|iOS)?\/(\d+)/, 'Edge'],
  [/(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/(?:Chrome|CriOS)\/(\d+)/, 'Chrome'],
  [/Version\/(\d+).*Safari/, 'Safari'],
]
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Mac OS X|Macintosh/, 'macOS'],
  [/Linux|X11/, 'Linux'],
]

/** "Chrome 128 · macOS"; what is not known is left out, and a stranger is shown as it calls itself. */
export function deviceOf(agent: string): string {
  let browser = ''
  for (const [pattern, name] of BROWSERS) {
    const match = pattern.exec(agent)
    if (match === null) continue
    browser = `${name} ${match[1] ?? ''}`.trim()
    break
  }
  const system = SYSTEMS.find(([pattern]) => pattern.test(agent))?.[1] ?? ''
  return [browser, system].filter(Boolean).join(' · ') || agent.slice(0, 60)
}
