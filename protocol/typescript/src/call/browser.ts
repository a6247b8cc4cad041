/** What calls need of the browser, as a value, so that tests can own it. */
export interface CallBrowser {
  peer(config: RTCConfiguration): RTCPeerConnection
  stream(tracks: MediaStreamTrack[]): MediaStream
  /** Undefined where the page is not secure or the browser has no cameras. */
  readonly devices: MediaDevices | undefined
  /** What must survive a reload of this tab and nothing else. May refuse by throwing. */
  readonly kept: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null
  /**
   * `network`: the device is on another network. `hidden`: out of sight, or being left. `shown`: in sight
   * again. The answer ends it.
   */
  watch(heard: (what: 'network' | 'hidden' | 'shown') => void): () => void
}

/** The browser of this page. */
export function pageBrowser(): CallBrowser {
  let kept: Storage | null = null
  try {
    kept = sessionStorage
  } catch {
    // A frame whose storage is refused asks to move the call after a reload.
  }
  return {
    peer: (config) => new RTCPeerConnection(config),
    stream: (tracks) => new MediaStream(tracks),
    devices: (navigator as { mediaDevices?: MediaDevices }).mediaDevices,
    kept,
    watch: (heard) => {
      // Network Information API (W3C draft; Chromium only): its `change` also comes with mere estimates.
      const { connection } = navigator as { connection?: EventTarget & { type?: string } }
      let type = connection?.type
      const network = (): void => heard('network')
      const changed = (): void => {
        if (connection?.type === type) return
        type = connection?.type
        if (type !== 'none') network()
      }
      const seen = (): void => heard(document.visibilityState === 'hidden' ? 'hidden' : 'shown')
      const left = (): void => heard('hidden')
      const back = (): void => heard('shown')
      addEventListener('online', network)
      connection?.addEventListener?.('change', changed)
      document.addEventListener('visibilitychange', seen)
      addEventListener('pagehide', left)
      addEventListener('pageshow', back)
      return () => {
        removeEventListener('online', network)
        connection?.removeEventListener?.('change', changed)
        document.removeEventListener('visibilitychange', seen)
        removeEventListener('pagehide', left)
        removeEventListener('pageshow', back)
      }
    },
  }
}
