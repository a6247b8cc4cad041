/** The desk as the server tells it: one client, one state, read whole with every connection and kept true by events. */

import {
  LogClient,
  asRefusal,
  openKeep,
  type AgentEvents,
  type ClientState,
  type Keep,
  type Offered,
  type Refusal,
} from '@livedesk/protocol'
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { snapshot, type DeskState, type Tab } from '../desk/model.ts'
import { REDUCERS, logRead, looked, needsLook, paged, reduce, watched, type EventName } from '../desk/reduce.ts'
import { useClock } from './clock.ts'
import { isOver, useSession } from './session.ts'
import { useWorld } from './world.ts'

type Client = LogClient<'/agent'>
type Listener<E extends EventName> = (payload: AgentEvents[E]) => void

export const useDesk = defineStore('desk', () => {
  const { api, dial } = useWorld()
  const session = useSession()
  const clock = useClock()

  let client: Client | null = null
  let keep: Keep | null = null
  let pageEnds: () => void = () => {}
  const state = shallowRef<DeskState | null>(null)
  const connection = shallowRef<ClientState | null>(null)
  /** Why the start state could not be read, while it could not. */
  const failure = shallowRef<Refusal | null>(null)
  /** Rises when everything was read again: what is looked at must be looked at again. */
  const readings = ref(0)
  const listeners = new Map<EventName, Set<Listener<never>>>()

  let generation = 0
  /** Events that came while a reading was under way; they are laid over it. */
  let meanwhile: (() => void)[] | null = null

  const online = computed(() => connection.value?.link.status === 'online')

  function theClient(): Client {
    if (client === null) throw new Error('The desk is not open.')
    return client
  }

  /** Opens the desk of this person. Opening it twice changes nothing. */
  function open(personId: string): void {
    if (client !== null) return
    keep = openKeep(`agent/${personId}`)
    const made: Client = new LogClient({
      namespace: '/agent',
      dial,
      token: () => socketToken(made),
      keep,
      mayMark: (log) => log.ownerId === personId,
    })
    client = made
    connection.value = made.state
    made.subscribe(() => moved(made))
    for (const name of Object.keys(REDUCERS) as EventName[]) made.on(name, (payload) => heard(name, payload))
    const nudge = () => document.visibilityState === 'visible' && made.nudge()
    addEventListener('online', nudge)
    document.addEventListener('visibilitychange', nudge)
    pageEnds = () => {
      removeEventListener('online', nudge)
      document.removeEventListener('visibilitychange', nudge)
    }
    made.start()
  }

  /** A token for the next connection. A sign-in that is over ends the desk: trying again would not cure it. */
  async function socketToken(of: Client): Promise<string> {
    try {
      return (await api.socketToken()).token
    } catch (refusal) {
      if (of === client && isOver(refusal)) {
        close()
        session.lose()
      }
      throw refusal
    }
  }

  /** Signing out: nothing of this person stays in the browser. */
  function forget(): void {
    keep?.wipe()
    close()
  }

  /** Leaves the desk: signing out, or a session that is over. */
  function close(): void {
    pageEnds()
    client?.stop()
    client = null
    keep = null
    state.value = null
    connection.value = null
    failure.value = null
    meanwhile = null
    generation = 0
  }

  function moved(of: Client): void {
    if (of !== client) return
    connection.value = of.state
    const { link } = of.state
    if (link.status === 'refused' && isOver(link.refusal)) {
      close()
      session.lose()
      return
    }
    if (link.status === 'online' && link.generation !== generation) {
      generation = link.generation
      void read(of, link.generation)
    }
  }

  /** Reads everything the screen starts from, as of now. */
  async function read(of: Client, forGeneration: number): Promise<void> {
    const buffered: (() => void)[] = []
    meanwhile = buffered
    try {
      const list = (tab: Tab) => of.insist('conversation.list', { tab })
      const [desk, mine, waiting, all] = await Promise.all([
        of.insist('desk.load', {}),
        ...([list('mine'), list('waiting'), list('all')] as const),
      ])
      if (of !== client || forGeneration !== generation) return
      const before = state.value
      const fresh = snapshot(desk, { mine, waiting, all }, Date.now(), before?.offers)
      clock.follow(fresh.skew)
      state.value = before === null || before.desk.epoch !== desk.epoch ? fresh : { ...fresh, contexts: before.contexts }
      failure.value = null
      meanwhile = null
      for (const again of buffered) again()
      readings.value++
    } catch (thrown) {
      if (of !== client || forGeneration !== generation) return
      meanwhile = null
      failure.value = asRefusal(thrown)
    }
  }

  function heard<E extends EventName>(name: E, payload: AgentEvents[E]): void {
    const apply = () => {
      if (state.value !== null) state.value = reduce(state.value, name, payload, clock.exactly())
    }
    // Applied at once to what is shown, and again over the reading under way: each lays on only what is newer.
    meanwhile?.push(apply)
    apply()
    if (name === 'provenance.bound') lookAgain(payload as AgentEvents['provenance.bound'])
    for (const listener of [...(listeners.get(name) ?? [])]) listener(payload as never)
  }

  function lookAgain(bound: AgentEvents['provenance.bound']): void {
    if (state.value !== null && needsLook(state.value, bound)) void look(bound.conversation_id).catch(() => {})
  }

  /** Calls with every event of that name, after it was laid into the state. The answer ends it. */
  function on<E extends EventName>(name: E, listener: Listener<E>): () => void {
    const set = listeners.get(name) ?? new Set()
    listeners.set(name, set.add(listener))
    return () => void set.delete(listener)
  }

  /** Reads the context column of a conversation; from now on its events are heard. */
  async function look(id: string): Promise<void> {
    const context = await theClient().insist('conversation.look', { conversation_id: id })
    if (state.value !== null) state.value = looked(state.value, context)
  }

  /** One's own conversations are heard anyway; another's is let go when one turns away. */
  function unlook(id: string): void {
    if (client === null) return
    client.forget(id)
    if (!online.value) return
    client.request('conversation.unlook', { conversation_id: id }).catch(() => {
      // Not told: the server forgets it with this connection.
    })
  }

  /** Reads these rows and hears them from now on, and no others that were watched before. */
  async function watchRows(ids: readonly string[]): Promise<void> {
    const { conversations } = await theClient().insist('conversation.watch', { conversation_ids: [...ids] })
    if (state.value !== null) state.value = watched(state.value, conversations)
  }

  /** Reads the next older page of a list. */
  async function loadMore(tab: Tab, before: number): Promise<void> {
    const page = await theClient().insist('conversation.list', { tab, before })
    if (state.value !== null) state.value = paged(state.value, tab, page)
  }

  /** What the open log read goes into its row. */
  function follow(id: string): void {
    if (state.value !== null) state.value = logRead(state.value, id, theClient().log(id).snapshot)
  }

  async function setPresence(to: 'ready' | 'break' | 'offline', reason: string | null = null): Promise<void> {
    const seat = await theClient().request('presence.set', { state: to, reason })
    heard('presence.changed', seat)
  }

  /** Takes an offer; answers which conversation it is. */
  async function accept(offer: Offered): Promise<string> {
    const { conversation_id } = await theClient().request('conversation.accept', {
      offer_id: offer.offer_id,
      fence: offer.fence,
    })
    drop(offer)
    return conversation_id
  }

  async function decline(offer: Offered): Promise<void> {
    await theClient().request('conversation.decline', { offer_id: offer.offer_id, fence: offer.fence })
    drop(offer)
  }

  /** An offer that is over without a word from the server: its time ran out while nobody could tell. */
  function drop(offer: Offered): void {
    if (state.value === null) return
    const over = { offer_id: offer.offer_id, outcome: 'withdrawn' } as const
    state.value = reduce(state.value, 'conversation.offer_ended', over, clock.exactly())
  }

  return {
    state, connection, failure, readings, online,
    open, close, forget, on, look, unlook, watchRows, loadMore, follow, setPresence, accept, decline, drop,
    client: theClient,
  }
})
