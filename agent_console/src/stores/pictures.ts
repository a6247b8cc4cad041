/** Addresses of buyers' pictures, and which of them is looked at large. */

import { FileAddresses } from '@livedesk/protocol'
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { Still } from '../desk/transcript.ts'
import { useClock } from './clock.ts'
import { useDesk } from './desk.ts'

export const usePictures = defineStore('pictures', () => {
  const desk = useDesk()
  const clock = useClock()
  const viewed = shallowRef<{ readonly stills: readonly Still[]; readonly at: number } | null>(null)
  const addresses = new FileAddresses((file_ids) => desk.client().insist('file.link', { file_ids }), {
    now: () => clock.exactly(),
    after: () => () => {},
    random: Math.random,
  })

  /** Opens the large view at one of these; the keyboard goes on to its neighbours. */
  function view(stills: readonly Still[], at: number): void {
    viewed.value = { stills, at }
  }

  function step(by: 1 | -1): void {
    const now = viewed.value
    if (now === null) return
    viewed.value = { ...now, at: Math.min(now.stills.length - 1, Math.max(0, now.at + by)) }
  }

  const close = () => (viewed.value = null)

  return { viewed, view, step, close, urlOf: (id: string) => addresses.urlOf(id), forget: (id: string) => addresses.forget(id) }
})
