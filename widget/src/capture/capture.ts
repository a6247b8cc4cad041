import { asRefusal, Refusal, shotLists } from '@livedesk/protocol'
import { effectScope, watch } from 'vue'
import type { Desk } from '../desk.ts'
import { put } from './send.ts'
import { Uploads } from './Uploads.ts'

const made = new WeakMap<Desk, Uploads>()
/** The token is over, not the picture. */
const TOKEN_OVER: ReadonlySet<string> = new Set(['unauthenticated', 'session_expired'])

/** The pictures of this desk; they outlive the screens that show them. */
export function uploadsOf(desk: Desk): Uploads {
  const known = made.get(desk)
  if (known) return known
  const client = () => {
    if (!desk.client) throw new Refusal('ended', 'Nobody is here.')
    return desk.client
  }
  const uploads = new Uploads({
    clock: desk.options.clock,
    newClientId: () => client().newClientId(),
    put: async (conversation, clientId, picture, signal, progress) => {
      const path = `/api/v1/conversations/${encodeURIComponent(conversation)}/files/${clientId}`
      try {
        return await put(path, await desk.session.token('reconnect'), picture, signal, progress)
      } catch (thrown) {
        if (!TOKEN_OVER.has(asRefusal(thrown).code)) throw thrown
        return put(path, await desk.session.token('renew'), picture, signal, progress)
      }
    },
    fill: (fill) => client().insist('shots.fill', fill),
    links: (file_ids) => client().insist('file.link', { file_ids }),
    changed: (unsent) => desk.holds(unsent),
  })
  made.set(desk, uploads)
  // Detached: a component that asks first must not take it along when it goes.
  effectScope(true).run(() => {
    watch(
      () => desk.state.client?.link.status,
      (now) => now === 'online' && uploads.wake(),
    )
    watch(
      () => desk.state.log,
      (log) => log?.id && uploads.settle(log.id, shotLists(log.entries)),
    )
    watch(
      () => desk.state.client === null,
      (gone) => gone && uploads.dropAll(),
    )
  })
  return uploads
}

const KEY = 'livedesk/capture'

/** Which list was being taken when this page was left; a reload goes on there. */
export const resumed = {
  read(): string | null {
    try {
      return sessionStorage.getItem(KEY)
    } catch {
      return null
    }
  },
  write(list: string | null): void {
    try {
      if (list === null) sessionStorage.removeItem(KEY)
      else sessionStorage.setItem(KEY, list)
    } catch {
      // Refused here: a reload ends in the chat, one tap away.
    }
  },
}
