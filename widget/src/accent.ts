/** The one colour a merchant sets, and what follows from it so that every text stays readable. */
export interface AccentTokens {
  '--ld-accent': string
  '--ld-on-accent': string
  '--ld-accent-text': string
  '--ld-accent-soft': string
}

type Colour = readonly [red: number, green: number, blue: number]
const SURFACE: Record<'light' | 'dark', Colour> = { light: [255, 255, 255], dark: [28, 31, 38] }
const GROUND: Record<'light' | 'dark', Colour> = { light: [244, 245, 247], dark: [20, 22, 27] }
const BLACK: Colour = [0, 0, 0]
const WHITE: Colour = [255, 255, 255]
/** WCAG 2.2 AA for text. */
const READABLE = 4.5

export type Accents = Readonly<Record<'light' | 'dark', AccentTokens>>

export const accents = (accent: string): Accents => ({
  light: accentTokens(accent, 'light'),
  dark: accentTokens(accent, 'dark'),
})

export function accentTokens(accent: string, theme: 'light' | 'dark'): AccentTokens {
  const colour = parse(accent)
  const soft = mix(SURFACE[theme], colour, theme === 'light' ? 0.1 : 0.22)
  const text = readableOn(colour, [SURFACE[theme], GROUND[theme], soft], theme === 'light' ? [0, 0, 0] : WHITE)
  return {
    '--ld-accent': format(colour),
    '--ld-on-accent': format(contrast(colour, WHITE) >= READABLE ? WHITE : better(colour)),
    '--ld-accent-text': format(text),
    '--ld-accent-soft': format(soft),
  }
}

const better = (colour: Colour): Colour => (contrast(colour, WHITE) >= contrast(colour, BLACK) ? WHITE : BLACK)

function readableOn(colour: Colour, grounds: readonly Colour[], towards: Colour): Colour {
  for (let share = 0; share < 1; share += 0.05) {
    const tried = mix(colour, towards, share)
    if (grounds.every((ground) => contrast(tried, ground) >= READABLE)) return tried
  }
  return towards
}

export function contrast(a: Colour, b: Colour): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number]
  return (high + 0.05) / (low + 0.05)
}

function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

export const parse = (hex: string): Colour => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as Colour
const mix = (a: Colour, b: Colour, share: number): Colour =>
  a.map((part, index) => Math.round(part + (b[index]! - part) * share)) as unknown as Colour
const format = (colour: Colour): string => '#' + colour.map((part) => part.toString(16).padStart(2, '0')).join('')
