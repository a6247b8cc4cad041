/** What is worth a sound or a notification, each thing once. */

import { defineStore } from 'pinia'
import { watch } from 'vue'
import { notify } from '../effects/notifications.ts'
import { play } from '../effects/sounds.ts'
import { REPLY_WITHIN_MS } from '../desk/countdown.ts'
import { i18n } from '../i18n/index.ts'
import { useCalls } from './calls.ts'
import { useClock } from './clock.ts'
import { useDesk } from './desk.ts'
import { useSettings, type SoundName } from './settings.ts'
import { useWork } from './work.ts'

export const useAlerts = defineStore('alerts', () => {
  const desk = useDesk()
  const work = useWork()
  const clock = useClock()
  const calls = useCalls()
  const store = useSettings()
  const { t } = i18n.global

  /** Conversations of mine whose first line has been told; what was there at the start counts as told. */
  let known: Set<string> | null = null
  /** Late replies that have been told: `conversation/owed since`. */
  const late = new Set<string>()

  function sound(name: SoundName): void {
    if (store.settings.sounds[name]) play(name)
  }

  function tell(title: string, body: string, tag: string, onClick: () => void): void {
    if (store.settings.notifications) notify(title, body, tag, onClick)
  }

  desk.on('conversation.offered', ({ summary, offer_id }) => {
    sound('offer')
    tell(t('notify.offer', { name: summary.buyer_name }), t('notify.offerBody', { shop: summary.shop_name }), offer_id, () => {})
  })

  /** A call is heard until it is answered, or rings no more. */
  const RING_EVERY_MS = 2_500
  let bell: ReturnType<typeof setInterval> | undefined
  watch(
    () => calls.ringing.map((call) => call.call_id),
    (ids, before = []) => {
      for (const call of calls.ringing) {
        if (before.includes(call.call_id)) continue
        const seconds = Math.ceil(Math.max(0, call.ring_until - clock.exactly()) / 1000)
        const body = t('call.notify.body', { kind: t(`call.kind.${call.media}`), seconds })
        tell(t('call.notify.title', { name: calls.buyerOf(call) }), body, call.call_id, () => work.select(call.conversation_id))
        sound('call')
      }
      clearInterval(bell)
      if (ids.length > 0) bell = setInterval(() => sound('call'), RING_EVERY_MS)
    },
  )

  watch(
    () => (desk.state === null ? null : work.owed),
    (owed) => {
      if (owed === null) {
        known = null
        late.clear()
        return
      }
      const ids = owed.map((row) => row.conversation_id)
      if (known === null) {
        known = new Set(ids)
        return
      }
      for (const row of owed) {
        if (known.has(row.conversation_id)) continue
        known.add(row.conversation_id)
        sound('first')
        const id = row.conversation_id
        tell(t('notify.first', { name: row.buyer_name }), row.preview ?? '', id, () => work.select(id))
      }
      // One that went away and comes back is new again.
      for (const id of known) if (!isMineNow(id)) known.delete(id)
    },
    { immediate: true },
  )

  function isMineNow(id: string): boolean {
    const row = desk.state?.rows[id]
    return row !== undefined && row.state === 'open' && row.owner_id === desk.state?.desk.person_id
  }

  watch(
    () => clock.now,
    (now, before) => {
      let newly = false
      for (const row of work.owed) {
        const due = (row.owed_since ?? now) + REPLY_WITHIN_MS
        const key = `${row.conversation_id}/${row.owed_since}`
        if (due > now || late.has(key)) continue
        late.add(key)
        // Those late already when the desk was opened are seen, not heard.
        if (due > before) newly = true
      }
      if (newly) sound('overdue')
    },
  )

  watch(
    () => desk.connection?.link.offlineSince ?? null,
    (since, before) => {
      if (since !== null && before === null) sound('disconnected')
    },
  )

  return { sound }
})
