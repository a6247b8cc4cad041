/** What a page says about itself; all of it may be missing. */
export interface Surroundings {
  readonly secure: boolean
  readonly userAgent: string
  readonly devices: boolean
  readonly peers: boolean
  /** null where the browser has no word for it. */
  readonly allowed: { camera: boolean; microphone: boolean } | null
}

/**
 * `insecure`: no https. `policy`: the page around us gave the frame no camera. `app`: the browser inside another
 * app has none; the system's own may. `unsupported`: this browser has not what calls need.
 */
export type Obstacle = 'insecure' | 'policy' | 'app' | 'unsupported'

export interface Abilities {
  readonly video: boolean
  readonly voice: boolean
  readonly obstacle: Obstacle | null
  /** The app in whose browser we are; null in the system's own. */
  readonly app: App | null
}

export const APPS = {
  wechat: /MicroMessenger/i,
  douyin: /aweme|BytedanceWebview|bytedance|ToutiaoMicroApp/i,
  kuaishou: /Kwai|ksWebView|ksNebula/i,
  taobao: /AliApp\((TB|TM)/i,
  alipay: /AlipayClient/i,
  xiaohongshu: /xhsdiscover|discover\/[\d.]+ .*xhs/i,
  weibo: /Weibo/i,
  qq: / QQ\/|QQTheme/i,
  facebook: /FBAN|FBAV/,
  instagram: /Instagram/,
} as const
export type App = keyof typeof APPS

/** Whose browser it is, where it is the one inside another app. */
export function appOf(userAgent: string): App | null {
  for (const [app, signs] of Object.entries(APPS)) if (signs.test(userAgent)) return app as App
  return null
}

/** What can be done here. Pure; whether the person agrees is only known when he is asked. */
export function probe({ secure, userAgent, devices, peers, allowed }: Surroundings): Abilities {
  const app = appOf(userAgent)
  const none = (obstacle: Obstacle): Abilities => ({ video: false, voice: false, obstacle, app })
  if (!secure) return none('insecure')
  if (!devices || !peers) return none(app ? 'app' : 'unsupported')
  const video = allowed?.camera ?? true
  const voice = allowed?.microphone ?? true
  return { video: video && voice, voice, obstacle: video && voice ? null : 'policy', app }
}

/**
 * Where one can who cannot here. `browser`: in the system's, which this app is not. `page`: on our own page in this
 * very browser, where no page around us takes the camera or the security away.
 */
export type Elsewhere = 'browser' | 'page'

/** Pure. `own`: our own page, not a frame in a merchant's; `desk`: the origin where ours is. */
export function elsewhere({ obstacle, app }: Abilities, failed: boolean, own: boolean, desk: string): Elsewhere | null {
  if (obstacle === 'app' || (failed && app !== null)) return 'browser'
  if (own) return null
  return obstacle === 'policy' || (obstacle === 'insecure' && desk.startsWith('https:')) ? 'page' : null
}

/** This page. */
export function here(): Surroundings {
  const { permissionsPolicy, featurePolicy } = document as unknown as Record<string, { allowsFeature(name: string): boolean } | undefined>
  const policy = permissionsPolicy ?? featurePolicy
  return {
    secure: window.isSecureContext,
    userAgent: navigator.userAgent,
    devices: typeof (navigator as { mediaDevices?: MediaDevices }).mediaDevices?.getUserMedia === 'function',
    peers: typeof RTCPeerConnection === 'function',
    allowed: policy ? { camera: policy.allowsFeature('camera'), microphone: policy.allowsFeature('microphone') } : null,
  }
}
