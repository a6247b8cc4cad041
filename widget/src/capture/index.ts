/** Guided capture: loaded when an agent asks for pictures. */
import type { Component } from 'vue'
import CaptureView from './CaptureView.vue'
import style from './capture.css?url'
import ShotsRow from './ShotsRow.vue'

export interface Capture {
  readonly CaptureView: Component
  readonly ShotsRow: Component
}

/**
 * Its parts, once they look as they should. The style sheet is fetched by hand: the bundler's own way would put
 * a kilobyte into what is loaded before the first message.
 */
export const ready = new Promise<Capture>((resolve, reject) => {
  const link = document.createElement('link')
  link.rel = 'stylesheet'
  link.href = style
  link.onload = () => resolve({ CaptureView, ShotsRow })
  link.onerror = () => reject(new Error('The style sheet of the camera did not come.'))
  document.head.appendChild(link)
})
