/** The calls of this desk: what the one client of them knows, as the screen reads it, and what one does in them. */

import {
  Refusal,
  browserClock,
  type Call,
  type CallMark,
  type Failure,
  type Participant,
  type Summary,
} from '@livedesk/protocol'
import {
  CallClient,
  DeviceRefused,
  callSocket,
  type ActiveCall,
  type CallView,
  type CallsView,
  type DeviceFault,
  type DevicesState,
  type Phase,
} from '@livedesk/protocol/CallClient.ts'
import { keptRejoin } from '@livedesk/protocol/call/rejoin.ts'
import { AGENT_CONSENT } from '@livedesk/protocol/consents.ts'
import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import { isMine } from '../desk/model.ts'
import { useDesk } from './desk.ts'
import { useSettings } from './settings.ts'
import { useWorld } from './world.ts'

/** How long the end of a call stays on the screen; the log keeps its line. */
const ENDED_MS = 8_000

/** How a supervisor is in a call, as the commands have it. */
export type Watching = 'listen' | 'whisper' | 'barge'

export interface GuestLink {
  readonly participantId: string
  readonly address: string
  readonly expiresAt: number
}

export const useCalls = defineStore('calls', () => {
  const { browser } = useWorld()
  const desk = useDesk()
  const settings = useSettings()

  let client: CallClient | null = null
  const view = shallowRef<CallsView | null>(null)
  /** Whether the server has said that it carries calls: before that, the screen offers none. */
  const carried = computed(() => view.value?.carried ?? false)
  /** The place of the call beside its chat, when that is in sight. */
  const place = shallowRef<HTMLElement | null>(null)
  /** Device ids; empty: the system's own choice. */
  const chosen = ref({ microphone: '', camera: '', speaker: '' })

  function theClient(): CallClient {
    if (client === null) throw new Error('The desk is not open.')
    return client
  }

  function open(): void {
    if (client !== null) return
    const made = new CallClient({
      side: 'agent',
      socket: callSocket(desk.client()),
      browser,
      clock: browserClock,
      concerns: (call) => owns(call.conversation_id),
    })
    client = made
    view.value = made.view
    made.subscribe(() => {
      if (made === client) view.value = made.view
    })
    made.start()
  }

  // A call's agent is who has the conversation: with another owner it may ring here, or no more.
  watch(
    () => Object.values(desk.state?.rows ?? {}).filter((row) => owns(row.conversation_id)).map((row) => row.conversation_id).join(' '),
    () => client?.reconsider(),
  )

  function close(): void {
    client?.stop()
    client = null
    view.value = null
    // Chosen of devices that are closed now.
    chosen.value = { microphone: '', camera: '', speaker: '' }
  }

  function owns(conversationId: string): boolean {
    const row = desk.state?.rows[conversationId]
    return row !== undefined && desk.state !== null && isMine(desk.state, row)
  }

  // What is there ---------------------------------------------------------------------------------------

  const known = computed(() => view.value?.calls ?? [])
  const active = computed<ActiveCall | null>(() => view.value?.active ?? null)
  const streams = computed<ReadonlyMap<string, MediaStream>>(() => active.value?.streams ?? new Map())
  const boards = computed(() => active.value?.boards ?? {})
  const figures = computed(() => active.value?.figures ?? null)
  const devices = computed<DevicesState>(() => view.value?.devices ?? NO_DEVICES)

  const seen = (call: Call): CallView | null => known.value.find((one) => one.call.call_id === call.call_id) ?? null
  const phase = (call: Call): Phase => seen(call)?.phase ?? 'outside'
  const me = (call: Call): Participant | null => seen(call)?.me ?? null
  const refusal = (call: Call): Failure | null => (active.value?.call.call_id === call.call_id ? active.value.part.refusal : null)
  const buyerOf = (call: Call): string => call.participants.find((one) => one.role === 'buyer')?.name ?? ''

  /** Calls that wait for an answer of this person, the one that rang first first. */
  const ringing = computed(() => known.value.filter((one) => one.phase === 'ringing').map((one) => one.call))
  /**
   * The call on the screen: the one that this page is in or calls for; else one's own that another page is in or has
   * lost; else one that was here and has just ended.
   */
  const current = computed<Call | null>(() => {
    const found =
      active.value ??
      known.value.find((one) => one.phase === 'calling') ??
      known.value.find((one) => one.phase === 'away' && one.me !== null && one.me.state !== 'invited') ??
      known.value.find((one) => one.phase === 'ended' && shown.has(one.call.call_id))
    return found?.call ?? null
  })
  /** Calls that were on this screen. Rings that ended elsewhere, or unanswered, leave a line in the log and no more. */
  const shown = new Set<string>()
  watch(current, (call) => call !== null && shown.add(call.call_id), { flush: 'sync' })

  const fading = new Map<string, ReturnType<typeof setTimeout>>()
  watch(known, (all) => {
    for (const { call, phase: at } of all) {
      if (at === 'ended' && !fading.has(call.call_id)) {
        fading.set(call.call_id, setTimeout(() => client?.dismiss(call.call_id), shown.has(call.call_id) ? ENDED_MS : 0))
      }
      // A reload of this very page: it goes on by itself.
      if (at === 'away' && active.value === null && !returned.has(call.call_id) && keptRejoin(browser, call.call_id) !== null) {
        returned.add(call.call_id)
        void join(call).catch(() => {})
      }
    }
  })
  /** Calls that this page has gone back into after its reload; a second try is the person's. */
  const returned = new Set<string>()
  /** Whether it was this page that was in the call and now goes back by itself. */
  const returns = (call: Call): boolean => keptRejoin(browser, call.call_id) !== null

  /** The living call of a conversation. */
  const of = (conversationId: string): Call | null =>
    known.value.find((one) => one.call.conversation_id === conversationId && one.phase !== 'ended')?.call ?? null

  /** With whom one is in another call than this conversation's; one call at a time. */
  function busyWith(conversationId: string): string | null {
    const call = current.value
    if (call === null || call.state === 'ended' || call.conversation_id === conversationId) return null
    return buyerOf(call)
  }

  // What one does ---------------------------------------------------------------------------------------

  /** Without a microphone one is in the call all the same, hears, and is told that one is not heard. */
  async function microphone(): Promise<void> {
    await theClient().devices.open({ microphone: true }).catch(() => {})
  }

  /** Opens the microphone and acts; what comes to nothing leaves no device open. */
  async function speaking(act: () => Promise<unknown>): Promise<void> {
    await microphone()
    try {
      await act()
    } catch (thrown) {
      if (active.value === null) theClient().devices.close()
      throw thrown
    }
  }

  async function invite(row: Summary, media: 'video' | 'voice'): Promise<void> {
    if (!desk.online) throw new Refusal('offline', 'There is no connection.')
    await speaking(() => theClient().invite({ conversationId: row.conversation_id, media, fence: row.fence }))
  }

  const answer = (call: Call): Promise<void> => speaking(() => theClient().answer(call.call_id))

  const decline = (call: Call): Promise<void> => theClient().decline(call.call_id)

  async function join(call: Call, move = false): Promise<void> {
    const enter = () => theClient().join(call.call_id, { move })
    await (me(call)?.mode === 'listener' ? enter() : speaking(enter))
  }

  /** Books a call of the open conversation, in place of the one that stands; the log says so. */
  async function book({ conversation_id, fence }: Summary, at: number, media: Call['media']): Promise<void> {
    if (!desk.online) throw new Refusal('offline', 'There is no connection.')
    await desk.client().insist('call.book', { conversation_id, client_id: desk.client().newClientId(), fence, at, media })
  }

  async function unbook({ conversation_id, fence }: Summary): Promise<void> {
    if (!desk.online) throw new Refusal('offline', 'There is no connection.')
    await desk.client().insist('call.unbook', { conversation_id, client_id: desk.client().newClientId(), fence })
  }

  const hangUp = (call: Call): Promise<void> => theClient().hangUp(call.call_id)
  const dismiss = (call: Call): void => theClient().dismiss(call.call_id)
  const consent = (granted: boolean): Promise<void> => theClient().consent(granted, AGENT_CONSENT.version, settings.settings.language)

  /** Opens or shuts one of one's own; what it was refused for, or null. */
  async function device(kind: 'microphone' | 'camera' | 'screen', on: boolean): Promise<DeviceFault | null> {
    const { devices: own } = theClient()
    try {
      if (kind === 'microphone') await own.setMicrophone(on)
      else if (kind === 'camera') await own.setCamera(on)
      else await own.shareScreen(on)
      return null
    } catch (thrown) {
      if (thrown instanceof DeviceRefused) return thrown.fault
      throw thrown
    }
  }

  function toggleMicrophone(): void {
    const call = active.value
    if (call === null || call.me?.mode === 'listener') return
    void device('microphone', devices.value.microphone !== 'on')
  }

  /** Throws where it is not to be had; the one of before goes on. */
  async function choose(kind: 'microphone' | 'camera' | 'speaker', deviceId: string): Promise<void> {
    if (kind !== 'speaker') await theClient().devices.choose(kind === 'microphone' ? 'audio' : 'video', deviceId)
    chosen.value = { ...chosen.value, [kind]: deviceId }
  }

  /** Draws on a picture of this call, and of no other that may have come meanwhile. */
  async function draw(call: Call, mark: CallMark): Promise<void> {
    if (active.value?.call.call_id !== call.call_id) throw new Refusal('not_joined', 'This call is not on the screen.')
    await theClient().draw(mark)
  }

  async function still(): Promise<void> {
    await theClient().askStill()
  }

  /** Torch or zoom of the buyer's camera in this call; how it stands then is told by his page. */
  async function adjust(call: Call, wish: { torch?: boolean; zoom?: number }): Promise<void> {
    if (active.value?.call.call_id !== call.call_id) throw new Refusal('not_joined', 'This call is not on the screen.')
    await theClient().askAdjust(wish)
  }

  async function inviteGuest(call: Call, name: string): Promise<GuestLink> {
    const made = await desk.client().insist('call.invite_guest', { call_id: call.call_id, client_id: desk.client().newClientId(), name })
    const address = new URL(`/guest#${made.token}`, location.href).href
    return { participantId: made.participant_id, address, expiresAt: made.expires_at }
  }

  async function revokeGuest(call: Call, participantId: string): Promise<void> {
    await desk.client().request('call.revoke_guest', { call_id: call.call_id, participant_id: participantId })
  }

  // A supervisor ------------------------------------------------------------------------------------------

  const list = (shopId: string) => desk.client().request('call.list', { shop_id: shopId })

  /** Who listens opens no microphone; who speaks opens it after the server let him. */
  async function watchCall(call: Call, how: Watching): Promise<void> {
    await theClient().supervise(call.call_id, how)
    if (how !== 'listen') await microphone()
  }

  async function takeOver(call: Call): Promise<void> {
    await theClient().takeOver(call.call_id)
    // Taken is taken: why one could not join stands at the call itself.
    await join(call).catch(() => {})
  }

  return {
    carried, place, chosen, streams, boards, figures, devices, ringing, current,
    open, close, phase, me, returns, refusal, buyerOf, of, busyWith,
    invite, book, unbook, answer, decline, join, hangUp, dismiss, consent, device, toggleMicrophone, choose, draw, still, adjust,
    inviteGuest, revokeGuest, list, watch: watchCall, takeOver,
  }
})

const NO_DEVICES: DevicesState = {
  camera: 'off', microphone: 'none', screen: false, facing: 'user', preview: null, torch: null, zoom: null, busy: false, fault: null,
}
