import { APPS, appOf } from '../call/probe.ts'

/** Which browser this is, in words that a report may have; empty where it does not say. */
export interface Browser {
  readonly browser: string
  readonly platform: string
  readonly model: string
  /** The app in whose browser we are, with its version; empty in the system's own. */
  readonly inside: string
}

/** What Chromium says of itself when it is asked (User-Agent Client Hints, W3C WICG). */
export interface Hints {
  readonly model?: string
  readonly platform?: string
  readonly platformVersion?: string
  readonly fullVersionList?: readonly { readonly brand: string; readonly version: string }[]
}

/** From the browsers that pretend to be others to those that do not. */
const NAMES: readonly [name: string, sign: RegExp][] = [
  ['Edge', /Edg(?:A|iOS)?\/([\d.]+)/],
  ['Opera', /OPR\/([\d.]+)/],
  ['Samsung Internet', /SamsungBrowser\/([\d.]+)/],
  ['Mi Browser', /MiuiBrowser\/([\d.]+)/],
  ['Huawei Browser', /HuaweiBrowser\/([\d.]+)/],
  ['vivo Browser', /VivoBrowser\/([\d.]+)/],
  ['HeyTap Browser', /HeyTapBrowser\/([\d.]+)/],
  ['UC Browser', /UCBrowser\/([\d.]+)/],
  ['QQ Browser', /MQQBrowser\/([\d.]+)/],
  ['Firefox', /(?:Firefox|FxiOS)\/([\d.]+)/],
  ['Chrome', /CriOS\/([\d.]+)/],
  ['Android WebView', /; wv\).* Chrome\/([\d.]+)/],
  ['Chrome', /Chrome\/([\d.]+)/],
  ['Safari', /Version\/([\d.]+).* Safari\//],
]
const PLATFORMS: readonly [name: string, sign: RegExp][] = [
  ['iOS', /(?:iPhone|iPad).* OS ([\d_]+) like Mac/],
  ['HarmonyOS', /Harmony(?:OS)?[ /]?([\d.]*)/],
  ['Android', /Android ([\d.]+)/],
  ['Windows NT', /Windows NT ([\d.]+)/],
  ['macOS', /Mac OS X ([\d_]+)/],
  ['ChromeOS', /CrOS \S+ ([\d.]+)/],
  ['Linux', /Linux()/],
]
/** Placeholders that browsers give for a model that they keep to themselves. */
const NO_MODEL = /^(?:K|wv|U|Mobile|Tablet|Linux|[a-z]{2}-[a-z]{2})$/i

/** Only what a report may hold: see `PlainWord` of the protocol. */
export const plain = (text: string): string =>
  text
    .replace(/[^A-Za-z0-9 .,:()/_+-]+/g, ' ')
    .replace(/ +/g, ' ')
    .trim()
    .slice(0, 60)
    .trim()

/** Reads what the browser says. Pure. `fingers`: how many touches it knows; an iPad calls itself a Mac. */
export function browserOf(userAgent: string, hints: Hints = {}, fingers = 0): Browser {
  const first = (list: typeof NAMES): string => {
    for (const [name, sign] of list) {
      const found = sign.exec(userAgent)
      if (found) return `${name} ${found[1]!.replace(/_/g, '.')}`
    }
    return ''
  }
  const brands = (hints.fullVersionList ?? []).filter(({ brand }) => !/not.?a.?brand/i.test(brand))
  const brand = brands.find(({ brand }) => brand !== 'Chromium') ?? brands[0]
  const isIpad = /Macintosh/.test(userAgent) && fingers > 1
  const told = hints.platform && hints.platform !== 'Windows' ? `${hints.platform} ${hints.platformVersion ?? ''}` : ''
  const app = appOf(userAgent)
  const version = app && new RegExp(`(?:${APPS[app].source})[A-Za-z]*[/_ ]([\\d.]+)`, 'i').exec(userAgent)?.pop()
  // A list of brands has no word for the browsers that only the other description names.
  const named = /^(?:Chrome|Edge|Opera) /.test(first(NAMES)) && brand ? `${brand.brand} ${brand.version}` : first(NAMES)
  return {
    browser: plain(named || (/ like Mac OS X/.test(userAgent) ? 'iOS WebView' : '')),
    platform: plain(isIpad ? 'iPadOS' : told || first(PLATFORMS)),
    model: plain(hints.model || (isIpad ? 'iPad' : modelOf(userAgent))),
    inside: app ? plain(`${app} ${version ?? ''}`) : '',
  }
}

function modelOf(userAgent: string): string {
  const apple = /\((iPhone|iPad|iPod)/.exec(userAgent)
  if (apple) return apple[1]!
  const after = /Android [\d.]+;([^)]*)\)/.exec(userAgent)?.[1] ?? ''
  const parts = after.split(';').map((part) => part.replace(/ Build\/.*$/, '').trim())
  return parts.find((part) => part && !NO_MODEL.test(part) && !/^(?:rv:|HarmonyOS|HMSCore)/.test(part)) ?? ''
}
