import { readToFrame, type FromFrame, type ToFrame } from './messages.ts'

/** The way to the merchant's page and back. */
export interface Bridge {
  /** False on a page of our own: nobody is around us. */
  readonly embedded: boolean
  say(message: FromFrame): void
  hear(listener: (message: ToFrame) => void): void
}

/** Speaks to the page around us, if it is the one that the address names; to nobody else. */
export function frameBridge(window: Window, parent: string): Bridge {
  return {
    embedded: true,
    say: (message) => window.parent.postMessage(message, parent),
    hear: (listener) =>
      window.addEventListener('message', (event) => {
        if (event.origin !== parent || event.source !== window.parent) return
        const message = readToFrame(event.data)
        if (message) listener(message)
      }),
  }
}

export const noBridge: Bridge = { embedded: false, say: () => {}, hear: () => {} }
