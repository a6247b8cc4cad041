import type { Ducking } from '../src/messages.ts'
import type { Box } from './geometry.ts'

/** A player of the merchant's own. Volumes are of 1. */
export interface OwnPlayer {
  setVolume?(volume: number): void
  /** Where it is to be during a call that fills the page, above our frame; null: where it was. */
  place?(rect: Box | null): void
}
export type AnyPlayer = HTMLVideoElement | OwnPlayer

/** The stream while a call is on. Each may be called again with the same. */
export interface Player {
  /** `swaps` until it could not be done, in this call. */
  readonly can: { sound: Ducking; swaps: boolean }
  /** Turns the sound to this part of what it was; 1 gives it back. */
  duck(volume: number): void
  place(rect: Box | null): void
  /** Gives everything back. */
  release(): void
}

/** `muted`: the browser did not let us give the sound back; a tap of the buyer's can. */
export function playerOf(player: AnyPlayer, muted: () => void): Player {
  const made = 'tagName' in player ? ofElement(player, muted) : ofOwn(player)
  return { ...made, release: () => (made.duck(1), made.place(null)) }
}

function ofOwn(player: OwnPlayer): Omit<Player, 'release'> {
  let [ducked, placed] = [false, false]
  return {
    can: { sound: player.setVolume ? 'down' : '', swaps: !!player.place },
    duck: (volume) => {
      if (ducked || volume < 1) player.setVolume?.(volume)
      ducked = volume < 1
    },
    place: (rect) => {
      if (placed || rect) player.place?.(rect)
      placed = !!rect
    },
  }
}

function ofElement(video: HTMLVideoElement, muted: () => void): Omit<Player, 'release'> {
  let before: { volume: number; muted: boolean } | null = null
  let css: string | null = null
  const now = video.volume
  // iOS lets no page set the volume; there the stream is silenced instead.
  video.volume = now > 0.5 ? now - 0.25 : now + 0.25
  const volume = video.volume !== now
  video.volume = now
  const can: Player['can'] = { sound: volume ? 'down' : 'off', swaps: true }
  return {
    can,
    duck: (to) => {
      if (to < 1) before = before || { volume: video.volume, muted: video.muted }
      if (!before) return
      if (volume) video.volume = before.volume * to
      else {
        const ran = !video.paused
        video.muted = before.muted || to < 1
        // WebKit pauses what gets its sound without a tap: silent it goes on.
        setTimeout(() => {
          if (!ran || !video.paused || video.muted) return
          video.muted = true
          video.play().then(muted, muted)
        })
      }
      if (to === 1) {
        before = null
        can.swaps = true
      }
    },
    place: (rect) => {
      if (rect) {
        css = css === null ? video.style.cssText : css
        video.style.cssText =
          css + ';position:fixed;margin:0;pointer-events:auto;object-fit:cover;border-radius:16px;z-index:2147483001;left:' +
          [rect.left, 'top:' + rect.top, 'width:' + rect.width, 'height:' + rect.height, ''].join('px;')
        // Inside a layer of the page's own no number lifts it above the call: better where it was than lost.
        can.swaps = (video.getRootNode() as Partial<Document>).elementFromPoint?.(rect.left + rect.width / 2, rect.top + rect.height / 2) === video
      }
      if (css !== null && !(rect && can.swaps)) {
        video.style.cssText = css
        css = null
      }
    },
  }
}
