/** Guided capture: loaded when an agent asks for pictures. */
import type { Component } from 'vue'
import type { Desk } from '../desk.ts'
import { uploadsOf } from './capture.ts'
import CaptureView from './CaptureView.vue'
import style from './capture.css?url'
import { takeFile } from './picture.ts'
import ShotsRow from './ShotsRow.vue'
import type { Spot } from './Uploads.ts'

export interface Capture {
  readonly CaptureView: Component
  readonly ShotsRow: Component
  /** Sends a picture that was taken elsewhere. Rejects where it is none. */
  send(desk: Desk, spot: Spot, picture: File): Promise<void>
}

async function send(desk: Desk, spot: Spot, picture: File): Promise<void> {
  uploadsOf(desk).add(spot, await takeFile(picture))
}

/**
 * Its parts, once they look as they should. The style sheet is fetched by hand: the bundler's own way would put
 * a kilobyte into what is loaded before the first message.
 */
export const ready = new Promise<Capture>((resolve, reject) => {
  const link = document.createElement('link')
  link.rel = 'stylesheet'
  link.href = style
  link.onload = () => resolve({ CaptureView, ShotsRow, send })
  link.onerror = () => reject(new Error('The style sheet of the camera did not come.'))
  document.head.appendChild(link)
})
