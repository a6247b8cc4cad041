/** Calls for tests and for drawing: the agent's side of them as a server tells it, and a browser without media. */

import {
  Refusal,
  type AgentCommands,
  type AgentEvents,
  type Call,
  type MarkEntry,
  type Participant,
} from '@livedesk/protocol'
import type { CallBrowser } from '@livedesk/protocol/CallClient.ts'

const NAMES = { buyer: '王小雨', agent: '林小满', supervisor: '顾主管', guest: '仓库 老陈' } as const

export function participant(role: Participant['role'], change: Partial<Participant> = {}): Participant {
  return {
    participant_id: `${role}-1`, role, mode: null, name: NAMES[role], state: 'joined', reconnect_until: null,
    camera: role === 'buyer', microphone: true, screen: false, consent: 'unasked', level: null, step: null,
    ...change,
  }
}

export function aCall(change: Partial<Call> = {}, now = Date.now()): Call {
  return {
    call_id: 'call-1', conversation_id: 'c-wang', revision: 1, media: 'video', state: 'connected', invited_by: 'buyer',
    rang_at: now - 9_000, ring_until: now + 21_000, answered_at: now - 6_000, connected_at: now - 5_000,
    ended_at: null, reason: null, ended_by: null, recording: { state: 'off', code: 'unasked' },
    participants: [participant('buyer'), participant('agent')],
    ...change,
  }
}

export const ringing = (change: Partial<Call> = {}, now = Date.now()): Call =>
  aCall(
    {
      state: 'ringing', rang_at: now, ring_until: now + 30_000, answered_at: null, connected_at: null,
      participants: [participant('buyer', { state: 'invited' }), participant('agent', { state: 'invited' })],
      ...change,
    },
    now,
  )

type CallName = Extract<keyof AgentCommands, `call.${string}`>
type Handlers = { [C in CallName]?: (request: AgentCommands[C]['request']) => AgentCommands[C]['reply'] }
type Carrying = 'call.rang' | 'call.answered' | 'call.joined' | 'call.left' | 'call.changed' | 'call.recording_changed' | 'call.ended'

/** Has calls and tells what becomes of them. Media are there as soon as a leg was described. */
export class CallsStandIn {
  readonly calls = new Map<string, Call>()
  readonly marks: MarkEntry[] = []
  /** False: a desk without a media worker. */
  carried = true

  constructor(private readonly emit: <E extends keyof AgentEvents>(name: E, payload: AgentEvents[E]) => void) {}

  get(id: string): Call {
    const found = this.calls.get(id)
    if (!this.carried) throw new Refusal('media_away', 'none')
    if (found === undefined) throw new Refusal('not_found', id)
    if (found.state === 'ended') throw new Refusal('call_ended', id)
    return found
  }

  /** A call is there, or another than before: told to everybody. */
  tell(event: Carrying, call: Call, participant_id: string | null = null): Call {
    const next = { ...call, revision: (this.calls.get(call.call_id)?.revision ?? 0) + 1 }
    this.calls.set(call.call_id, next)
    this.emit(event, { call: next, participant_id })
    return next
  }

  change(id: string, role: Participant['role'], change: Partial<Participant>, event: Carrying = 'call.changed'): Call {
    const call = this.get(id)
    return this.tell(event, { ...call, participants: call.participants.map((one) => (one.role === role && one.state !== 'left' ? { ...one, ...change } : one)) })
  }

  draw(id: string, by: string, mark: MarkEntry['mark']): MarkEntry {
    const entry = { seq: this.marks.length + 1, participant_id: by, at: Date.now(), mark }
    this.marks.push(entry)
    if (by !== 'agent-1') this.emit('call.marked', { call_id: id, entry })
    return entry
  }

  end(id: string, reason: NonNullable<Call['reason']>): Call {
    const call = this.get(id)
    return this.tell('call.ended', { ...call, state: 'ended', reason, ended_at: Date.now(), participants: call.participants.map((one) => ({ ...one, state: 'left' })) })
  }

  private said(call: Call) {
    return { now: Date.now(), call }
  }

  readonly handlers: Handlers = {
    'call.load': () => {
      if (!this.carried) throw new Refusal('media_away', 'none')
      return { now: Date.now(), calls: [...this.calls.values()].filter((call) => call.state !== 'ended') }
    },
    'call.list': () => ({ now: Date.now(), calls: [...this.calls.values()].filter((call) => call.state !== 'ended'), more: false }),
    'call.invite': ({ conversation_id, media }) => {
      if (!this.carried) throw new Refusal('media_away', 'none')
      return this.said(this.tell('call.rang', ringing({ call_id: 'call-out', conversation_id, media, invited_by: 'agent' })))
    },
    'call.answer': ({ call_id }) => this.said(this.tell('call.answered', { ...this.get(call_id), state: 'answered', answered_at: Date.now() })),
    'call.decline': ({ call_id }) => this.said(this.end(call_id, 'declined')),
    'call.join': ({ call_id }) => ({
      call: this.get(call_id), participant_id: this.get(call_id).participants.find((one) => one.role === 'supervisor')?.participant_id ?? 'agent-1', leg_id: 'leg-1', offer: 'v=0\r\n', ice_servers: [], rejoin_token: 'a-token-to-rejoin',
      tracks: [{ mid: '2', kind: 'audio', participant_id: 'buyer-1' }, { mid: '3', kind: 'video', participant_id: 'buyer-1' }],
    }),
    'call.describe': ({ call_id }) => {
      const call = this.get(call_id)
      this.tell('call.joined', {
        ...call, state: 'connected', connected_at: call.connected_at ?? Date.now(),
        participants: call.participants.map((one) => (one.state === 'invited' && one.role !== 'guest' ? { ...one, state: 'joined' } : one)),
      })
      return {}
    },
    'call.hang_up': ({ call_id }) => this.said(this.end(call_id, 'hung_up')),
    'call.consent': ({ call_id, granted }) => {
      const call = this.change(call_id, 'agent', { consent: granted ? 'granted' : 'refused' })
      const all = call.participants.filter((one) => one.state !== 'left').every((one) => one.consent === 'granted')
      const recording = all ? { state: 'on' as const, code: null } : { state: 'off' as const, code: granted ? 'unasked' : 'refused' }
      return this.said(this.tell('call.recording_changed', { ...call, recording }))
    },
    'call.set': ({ call_id, camera, microphone, screen }) =>
      this.said(this.change(call_id, 'agent', { ...(camera == null ? {} : { camera }), ...(microphone == null ? {} : { microphone }), ...(screen == null ? {} : { screen }) })),
    'call.report': () => ({}),
    'call.mark': ({ call_id, mark }) => (this.get(call_id), { seq: this.draw(call_id, 'agent-1', mark).seq }),
    'call.sync': ({ after_seq }) => ({ marks: this.marks.filter((entry) => entry.seq > after_seq), more: false }),
    'call.still': ({ call_id }) => ({ call_id, list_seq: 1, participant_id: 'buyer-1' }),
    'call.adjust': ({ call_id, torch = null, zoom: now = null }) => {
      const { torch: lit, zoom } = this.get(call_id).participants.find((one) => one.role === 'buyer')?.controls ?? {}
      this.change(call_id, 'buyer', { controls: { torch: torch ?? lit ?? null, zoom: zoom ? { ...zoom, now: now ?? zoom.now } : null } })
      return { call_id, participant_id: 'buyer-1', torch, zoom: now }
    },
    'call.listen': ({ call_id }) => this.said(this.supervised(call_id, 'listener')),
    'call.whisper': ({ call_id }) => this.said(this.supervised(call_id, 'whisper')),
    'call.barge': ({ call_id }) => this.said(this.supervised(call_id, 'barge')),
    'call.take_over': ({ call_id }) => this.said(this.get(call_id)),
    'call.invite_guest': ({ call_id, name }) => {
      const call = this.get(call_id)
      const told = this.tell('call.changed', { ...call, participants: [...call.participants, participant('guest', { name, state: 'invited', camera: false })] })
      return { participant_id: 'guest-1', token: 'a-token-for-one-call', expires_at: Date.now() + 3_600_000, call: told }
    },
    'call.revoke_guest': ({ call_id }) => this.said(this.change(call_id, 'guest', { state: 'left' }, 'call.left')),
  }

  private supervised(call_id: string, mode: NonNullable<Participant['mode']>): Call {
    const call = this.get(call_id)
    const others = call.participants.filter((one) => one.role !== 'supervisor')
    const state = call.participants.find((one) => one.role === 'supervisor')?.state ?? 'invited'
    return this.tell('call.changed', { ...call, participants: [...others, participant('supervisor', { mode, microphone: mode !== 'listener', camera: false, state })] })
  }
}

/** Tracks by kind, for what comes from the others. */
export type Tracks = (kind: 'audio' | 'video') => MediaStreamTrack

const silent: Tracks = (kind) => ({ id: `${kind}-track`, kind, enabled: true, readyState: 'live', stop() {}, getCapabilities: () => ({}), getSettings: () => ({}) }) as unknown as MediaStreamTrack

/** A browser whose connections stand at once and whose devices are never refused; what was asked of them is kept. */
export function callBrowser(tracks: Tracks = silent): CallBrowser & { asked: MediaStreamConstraints[]; there: MediaDeviceInfo[] } {
  const asked: MediaStreamConstraints[] = []
  const there: MediaDeviceInfo[] = []
  const given = (kinds: ('audio' | 'video')[]) => {
    const all = kinds.map(tracks)
    const of = (kind: string) => all.filter((track) => track.kind === kind)
    return { id: 's', getTracks: () => all, getAudioTracks: () => of('audio'), getVideoTracks: () => of('video') } as unknown as MediaStream
  }
  return {
    asked,
    there,
    peer: () => aPeer(tracks),
    stream: (made) => new MediaStream(made[0] instanceof EventTarget ? made : []),
    devices: {
      getUserMedia: async (wish: MediaStreamConstraints) => {
        asked.push(wish)
        return given([...(wish.audio ? (['audio'] as const) : []), ...(wish.video ? (['video'] as const) : [])])
      },
      getDisplayMedia: async (wish: MediaStreamConstraints) => (asked.push(wish), given(['video'])),
      enumerateDevices: async () => there,
      addEventListener() {},
      removeEventListener() {},
    } as unknown as MediaDevices,
    kept: sessionStorage,
    watch: () => () => {},
  }
}

function aPeer(tracks: Tracks): RTCPeerConnection {
  const line = (mid: string, kind: 'audio' | 'video') => ({
    mid, direction: 'sendrecv', receiver: { track: tracks(kind) },
    sender: { replaceTrack: async () => {}, getParameters: () => ({ encodings: [] }), setParameters: async () => {} },
  })
  const lines = [line('0', 'audio'), line('1', 'video'), line('2', 'audio'), line('3', 'video')]
  const peer = {
    connectionState: 'new', localDescription: { type: 'answer', sdp: 'v=0\r\n' },
    onconnectionstatechange: null as (() => void) | null, ontrack: null,
    setRemoteDescription: async () => {},
    createAnswer: async () => ({ type: 'answer', sdp: 'v=0\r\n' }),
    setLocalDescription: async () => {
      setTimeout(() => {
        peer.connectionState = 'connected'
        peer.onconnectionstatechange?.()
      })
    },
    getTransceivers: () => lines,
    getStats: async () => new Map(),
    close() {},
  }
  return peer as unknown as RTCPeerConnection
}
