/** What the person at the desk is doing: the tab and rows shown, the open conversation, and the closes to come. */

import { Refusal, asRefusal, type ConversationLog, type LogSnapshot, type Summary } from '@livedesk/protocol'
import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import { switchedTo, type Guard } from '../desk/guard.ts'
import { MAX_WATCHED } from '../desk/limits.ts'
import { isMine, type Tab } from '../desk/model.ts'
import { arrange, mostUrgent, neighbour, rowsOf } from '../desk/order.ts'
import { i18n } from '../i18n/index.ts'
import { UNDO_MS, due, scheduled, undone, type PendingClose, type PendingCloses } from '../desk/undo.ts'
import { useClock } from './clock.ts'
import { useDesk } from './desk.ts'
import { useNotices } from './notices.ts'
import { words } from '../i18n/refusals.ts'

/** How long the rows of a list must stay the same before the server is told which they are. */
const SETTLED_MS = 300

export const useWork = defineStore('work', () => {
  const desk = useDesk()
  const clock = useClock()
  const notices = useNotices()
  const { t } = i18n.global

  // The list ------------------------------------------------------------------------------------------

  const tab = ref<Tab>('mine')
  const shopId = ref<string | null>(null)
  /** The pointer is over the list: nothing may move under it. */
  const pointed = ref(false)
  const shown = shallowRef<readonly string[]>([])
  const selectedId = ref<string | null>(null)

  const wanted = computed(() =>
    desk.state === null ? [] : rowsOf(desk.state, tab.value, shopId.value).map((row) => row.conversation_id),
  )
  watch([tab, shopId], () => (shown.value = wanted.value))
  watch(
    [wanted, pointed, selectedId],
    () => (shown.value = arrange(wanted.value, shown.value, { frozen: pointed.value, selected: selectedId.value })),
    { immediate: true },
  )

  const rows = computed(() =>
    shown.value.map((id) => desk.state?.rows[id]).filter((row): row is Summary => row !== undefined),
  )
  const owed = computed(() =>
    desk.state === null ? [] : rowsOf(desk.state, 'mine').filter((row) => (row.owed_since ?? null) !== null),
  )

  // One's own conversations are heard anyway; those of another list while one looks at it. Rows come and go in
  // bursts, so the server is told when they have settled.
  const followed = computed(() =>
    tab.value === 'mine'
      ? []
      : wanted.value.filter((id) => desk.state?.rows[id]?.state === 'open').slice(0, MAX_WATCHED),
  )
  let settling: ReturnType<typeof setTimeout> | undefined
  let told = ''
  watch(
    [() => followed.value.join(' '), () => desk.readings],
    ([ids], [, readings]) => {
      if (desk.readings !== readings) told = ''
      clearTimeout(settling)
      settling = setTimeout(() => followRows(ids), SETTLED_MS)
    },
  )

  function followRows(ids: string): void {
    if (ids === told || desk.state === null) return
    told = ids
    desk.watchRows(followed.value).catch(() => {
      // Not told: the next connection reads everything again.
      told = ''
    })
  }

  function step(by: 1 | -1): void {
    const next = neighbour(shown.value, selectedId.value, by)
    if (next !== null) select(next)
  }

  /** Goes to whom a reply is owed longest; answers whether there is anybody. */
  function goToUrgent(): boolean {
    const next = desk.state === null ? null : mostUrgent(desk.state, selectedId.value)
    if (next === null) return false
    tab.value = 'mine'
    select(next)
    return true
  }

  // The open conversation -----------------------------------------------------------------------------

  const guard = ref<Guard | null>(null)
  const log = shallowRef<LogSnapshot | null>(null)
  const lookFailure = shallowRef<Refusal | null>(null)
  let open: ConversationLog | null = null
  let leave: () => void = () => {}

  const selected = computed(() => (selectedId.value === null ? null : (desk.state?.rows[selectedId.value] ?? null)))
  const context = computed(() => (selectedId.value === null ? null : (desk.state?.contexts[selectedId.value] ?? null)))
  const mine = computed(() => selected.value !== null && desk.state !== null && isMine(desk.state, selected.value))

  function select(id: string): void {
    if (id === selectedId.value) return
    if (selectedId.value !== null) guard.value = switchedTo(id, Date.now())
    turnAway()
    selectedId.value = id
    void look(id)
  }

  function deselect(): void {
    turnAway()
    selectedId.value = null
  }

  function turnAway(): void {
    const before = selected.value
    const wasMine = mine.value
    leave()
    leave = () => {}
    open = null
    log.value = null
    lookFailure.value = null
    if (before !== null && !wasMine) desk.unlook(before.conversation_id)
  }

  /** Looks first, reads the log then: what is stored in between is heard (see `LogClient`). */
  async function look(id: string): Promise<void> {
    if (mine.value) follow(id)
    try {
      await desk.look(id)
    } catch (thrown) {
      const refusal = asRefusal(thrown)
      if (id === selectedId.value && refusal.code !== 'ended') lookFailure.value = refusal
      return
    }
    if (id !== selectedId.value) return
    lookFailure.value = null
    if (open === null) follow(id)
    else open.refresh()
  }

  function follow(id: string): void {
    const following = desk.client().log(id)
    const row = desk.state?.rows[id]
    if (row !== undefined) following.owned(row.fence, row.owner_id ?? null)
    following.attend(true)
    const changed = () => {
      log.value = following.snapshot
      desk.follow(id)
    }
    const unsubscribe = following.subscribe(changed)
    open = following
    leave = () => {
      unsubscribe()
      following.attend(false)
    }
    changed()
  }

  // With every connection everything was read again: look again at what is open.
  watch(
    () => desk.readings,
    () => {
      if (selectedId.value !== null) void look(selectedId.value)
    },
  )

  /** The log one may write into. */
  function writing(): ConversationLog {
    if (open === null) throw new Error('No conversation is open.')
    return open
  }

  // Closing, with five seconds to take it back --------------------------------------------------------

  const closing = ref<PendingCloses>([])
  watch(() => [clock.local, desk.online], sendDue)

  function scheduleClose(row: Summary | null = selected.value): void {
    if (row === null || desk.state === null || !isMine(desk.state, row)) return
    closing.value = scheduled(closing.value, {
      conversationId: row.conversation_id,
      clientId: desk.client().newClientId(),
      fence: row.fence,
      dueAt: Date.now() + UNDO_MS,
    })
  }

  function undoClose(id: string): void {
    closing.value = undone(closing.value, id)
  }

  function closeNow(id: string): void {
    const close = closing.value.find((pending) => pending.conversationId === id)
    closing.value = undone(closing.value, id)
    if (close !== undefined) void sendClose(close)
  }

  /** Without a connection a close waits, in sight and to be taken back, until there is one. */
  function sendDue(): void {
    if (!desk.online) return
    const { ready, waiting } = due(closing.value, Date.now())
    if (ready.length === 0) return
    closing.value = waiting
    for (const close of ready) void sendClose(close)
  }

  async function sendClose(close: PendingClose): Promise<void> {
    const { conversationId: conversation_id, clientId: client_id, fence } = close
    try {
      await desk.client().insist('conversation.close', { conversation_id, client_id, fence })
    } catch (thrown) {
      const refusal = asRefusal(thrown)
      if (refusal.code !== 'ended') notices.say(t('chat.closeFailed', { why: words(refusal) }), 'error')
    }
  }

  // The panel changes under the eyes of who reads it: say so.
  desk.on('provenance.bound', ({ conversation_id, provenance }) => {
    if (conversation_id === selectedId.value) notices.say(t('provenance.updated', { version: provenance.version }))
  })

  // A buyer who speaks while his conversation is about to close keeps it open.
  desk.on('chat.posted', ({ conversation_id, entry }) => {
    if (entry.sender.kind !== 'buyer' || !closing.value.some((close) => close.conversationId === conversation_id)) return
    undoClose(conversation_id)
    notices.say(t('chat.closeKept', { name: desk.state?.rows[conversation_id]?.buyer_name ?? '' }))
  })

  /** What a person waits for at the screen is refused at once without a connection, not done some time later. */
  function mustBeOnline(): void {
    if (!desk.online) throw new Refusal('offline', 'There is no connection.')
  }

  async function reopen(id: string): Promise<void> {
    mustBeOnline()
    await desk.client().insist('conversation.reopen', { conversation_id: id, client_id: desk.client().newClientId() })
  }

  async function transfer(
    row: Summary,
    to: { readonly group_id: string } | { readonly person_id: string },
    note: string,
  ): Promise<void> {
    mustBeOnline()
    const { conversation_id, fence } = row
    const client_id = desk.client().newClientId()
    await desk.client().insist('conversation.transfer', { conversation_id, client_id, fence, note, ...to })
  }

  /** Nothing of a person's work stays on the screen of the next one. */
  function reset(): void {
    leave()
    leave = () => {}
    open = null
    log.value = null
    lookFailure.value = null
    selectedId.value = null
    guard.value = null
    clearTimeout(settling)
    told = ''
    closing.value = []
    tab.value = 'mine'
    shopId.value = null
    shown.value = []
  }

  return {
    tab, shopId, pointed, shown, rows, owed, step, goToUrgent,
    selectedId, selected, context, mine, log, lookFailure, guard, select, deselect, look, writing,
    closing, scheduleClose, undoClose, closeNow, reopen, transfer, reset,
  }
})
