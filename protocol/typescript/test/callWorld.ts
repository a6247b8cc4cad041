/** A toy world for calls: a desk that follows the rules of the wire, a browser with cameras, and no network. */
import type { CallBrowser } from '../src/call/browser.ts'
import type { CallCommand, CallEvent, CallSocket } from '../src/call/socket.ts'
import { Refusal } from '../src/refusal.ts'
import type { Call, ErrorCode, Joined, Participant } from '../src/wire.ts'
import { CallClient } from '../src/CallClient.ts'
import { dice, ToyClock } from './toy.ts'

export const OFFER = 'v=0\r\n'

export const somebody = (role: Participant['role'], more: Partial<Participant> = {}): Participant => ({
  participant_id: role,
  role,
  mode: null,
  name: role,
  state: 'invited',
  reconnect_until: null,
  camera: role === 'buyer',
  microphone: true,
  screen: false,
  consent: 'unasked',
  level: null,
  step: null,
  ...more,
})

export const aCall = (more: Partial<Call> = {}): Call => ({
  call_id: 'call',
  conversation_id: 'conversation',
  revision: 1,
  media: 'video',
  state: 'ringing',
  invited_by: 'buyer',
  rang_at: 1_700_000_000_000,
  ring_until: 1_700_000_030_000,
  answered_at: null,
  connected_at: null,
  ended_at: null,
  reason: null,
  ended_by: null,
  recording: { state: 'off', code: 'unasked' },
  participants: [somebody('buyer'), somebody('agent')],
  ...more,
})

export class ToyTrack {
  enabled = true
  readyState: 'live' | 'ended' = 'live'
  contentHint = ''
  muted = false
  onended: (() => void) | null = null
  onmute: (() => void) | null = null
  onunmute: (() => void) | null = null
  capabilities: object = {}
  constructor(
    readonly kind: 'audio' | 'video',
    readonly id: string,
    readonly constraints: unknown = null,
  ) {}
  stop(): void {
    this.readyState = 'ended'
  }
  clone = (): ToyTrack => new ToyTrack(this.kind, `${this.id}'`, this.constraints)
  getCapabilities = (): object => this.capabilities
  getSettings = (): object => ({})
  applied: unknown[] = []
  /** What was applied is refused with this. */
  unfit: Error | null = null
  /** What is applied holds after this. */
  slow: Promise<void> | null = null
  applyConstraints = async (to: unknown): Promise<void> => {
    await this.slow
    if (this.unfit) throw this.unfit
    this.applied.push(to)
  }
}

class ToyStream {
  constructor(readonly tracks: ToyTrack[]) {}
  getAudioTracks = (): ToyTrack[] => this.tracks.filter((one) => one.kind === 'audio')
  getTracks = (): ToyTrack[] => this.tracks
  getVideoTracks = (): ToyTrack[] => this.tracks.filter((one) => one.kind === 'video')
}

export class ToyPeer {
  connectionState: RTCPeerConnectionState = 'new'
  onconnectionstatechange: (() => void) | null = null
  ontrack: (() => void) | null = null
  localDescription: { sdp: string } | null = null
  closed = false
  bytes = 0
  /** Frames of the own picture so far; null: this browser does not count them. */
  frames: number | null = null
  /** This browser cannot take the offer. */
  incapable = false
  parameters: { encodings: object[] } = { encodings: [{}] }
  readonly lines = ['0', '1', '2', '3', '4', '5'].map((mid) => ({
    mid,
    direction: 'recvonly',
    sent: null as ToyTrack | null,
    receiver: { track: new ToyTrack(Number(mid) % 2 ? 'video' : 'audio', `in${mid}`) },
    sender: {
      replaceTrack: async (track: ToyTrack | null): Promise<void> => void (this.line(mid).sent = track),
      getParameters: () => structuredClone(this.parameters),
      setParameters: async (to: { encodings: object[] }): Promise<void> => void (this.parameters = to),
    },
  }))
  constructor(readonly config: RTCConfiguration) {}
  line = (mid: string): ToyPeer['lines'][number] => this.lines.find((one) => one.mid === mid)!
  getTransceivers = (): ToyPeer['lines'] => this.lines
  setRemoteDescription = async (): Promise<void> => {
    if (this.incapable) throw Object.assign(new Error('no codec'), { name: 'OperationError' })
  }
  createAnswer = async (): Promise<{ sdp: string }> => ({
    sdp: 'v=0\r\nm=audio\r\na=candidate:1 1 udp 1 192.168.1.7 5000 typ host\r\na=mid:0\r\n',
  })
  setLocalDescription = async (to: { sdp: string }): Promise<void> => void (this.localDescription = to)
  getStats = async (): Promise<Map<string, object>> =>
    new Map<string, object>([
      ['pair', { type: 'candidate-pair', nominated: true, state: 'succeeded', bytesReceived: this.bytes }],
      ['sent', { type: 'outbound-rtp', kind: 'video', framesEncoded: this.frames ?? undefined }],
    ])
  become(state: RTCPeerConnectionState): void {
    this.connectionState = state
    this.onconnectionstatechange?.()
  }
  close(): void {
    this.closed = true
  }
}

interface Seen {
  tracks: ToyTrack[]
  stored: Map<string, string>
  /** The name of the DOMException with which devices are refused. */
  denies: () => string | null
  /** The person answers the browser's question; at once by default. */
  asked: () => Promise<void> | null
  watch: (heard: CallWorld['watcher']) => void
  /** Its peer connections cannot take an offer. */
  incapable: () => boolean
  /** What can be set of its cameras. */
  capabilities: () => object
}

/** A browser with cameras, as long as the page is `secure`; its peer connections are those in `peers`. */
export function aBrowser(peers: ToyPeer[], secure: boolean, seen: Partial<Seen> = {}): CallBrowser {
  const { tracks: opened = [], stored = new Map<string, string>(), denies = () => null, asked = () => null, watch = () => {}, incapable = () => false, capabilities = () => ({}) } = seen
  const open = async (wish: { audio?: unknown; video?: unknown }): Promise<MediaStream> => {
    const waits = asked()
    if (waits) await waits
    const name = denies()
    if (name) throw Object.assign(new Error(), { name })
    const kinds = (['audio', 'video'] as const).filter((kind) => wish[kind])
    const tracks = kinds.map((kind) => new ToyTrack(kind, `${kind}${opened.length}`, wish[kind]))
    for (const track of tracks) if (track.kind === 'video') track.capabilities = capabilities()
    opened.push(...tracks)
    return new ToyStream(tracks) as unknown as MediaStream
  }
  return {
    peer: (config) => {
      const peer = new ToyPeer(config)
      peer.incapable = incapable()
      peers.push(peer)
      return peer as unknown as RTCPeerConnection
    },
    stream: (tracks) => new ToyStream(tracks as unknown as ToyTrack[]) as unknown as MediaStream,
    devices: secure ? ({ getUserMedia: open, getDisplayMedia: open } as unknown as MediaDevices) : undefined,
    kept: {
      getItem: (key) => stored.get(key) ?? null,
      setItem: (key, value) => void stored.set(key, value),
      removeItem: (key) => void stored.delete(key),
    },
    watch: (heard) => {
      watch(heard)
      return () => {}
    },
  }
}

/** One page with its socket to a desk that the test plays. */
export class CallWorld {
  readonly clock = new ToyClock(dice(7))
  readonly peers: ToyPeer[] = []
  readonly tracks: ToyTrack[] = []
  readonly said: { command: CallCommand; payload: Record<string, unknown> }[] = []
  readonly stored = new Map<string, string>()
  redials = 0
  /** What becomes of open requests when the connection is dropped for another. */
  dropped: () => void = () => {}
  /** Refuses to give devices with this name of a DOMException. */
  denies: string | null = null
  /** The person does not answer the browser's question before this. */
  asked: () => Promise<void> | null = () => null
  /** Peer connections of this browser cannot take the offer. */
  incapable = false
  /** What can be set of cameras that are opened from now on. */
  capabilities: object = {}
  /** What a new leg's path becomes at once; null: it stays open. */
  path: RTCPeerConnectionState | null = 'connected'
  living: Call[] = []
  answers: Partial<Record<CallCommand, (payload: never, timeoutMs?: number) => unknown>> = {}
  private legs = 0
  /** Drawn so far in the call. */
  marks = 0
  private ids = 0
  private readonly hearers = new Map<string, (payload: never) => void>()
  private online: () => void = () => {}
  watcher: (what: 'network' | 'hidden' | 'shown') => void = () => {}
  readonly client: CallClient

  constructor(side: 'buyer' | 'agent' = 'buyer', concerns?: (call: Call) => boolean) {
    const ask = async (command: CallCommand, payload: object, timeoutMs?: number): Promise<unknown> => {
      this.said.push({ command, payload: payload as Record<string, unknown> })
      const answer = this.answers[command] ?? this.usual(command)
      return answer(payload as never, timeoutMs)
    }
    const socket: CallSocket = {
      ask: ask as CallSocket['ask'],
      insist: ask as CallSocket['insist'],
      on: (event, listener) => {
        this.hearers.set(event, listener as (payload: never) => void)
        return () => void this.hearers.delete(event)
      },
      connected: (listener) => {
        this.online = listener
        listener()
        return () => {}
      },
      redial: () => {
        this.redials++
        this.dropped()
      },
      newClientId: () => `id${++this.ids}`,
    }
    const browser = aBrowser(this.peers, true, {
      tracks: this.tracks,
      capabilities: () => this.capabilities,
      stored: this.stored,
      denies: () => this.denies,
      asked: () => this.asked(),
      incapable: () => this.incapable,
      watch: (heard) => void (this.watcher = heard),
    })
    this.client = new CallClient({ side, socket, browser, clock: this.clock, ...(concerns ? { concerns } : {}) })
  }

  get peer(): ToyPeer {
    return this.peers.at(-1)!
  }

  get phase(): string | undefined {
    return this.client.view.calls[0]?.phase
  }

  hear(event: CallEvent, payload: object): void {
    this.hearers.get(event)?.(payload as never)
  }

  tell(event: CallEvent, call: Call, more: object = {}): void {
    this.hear(event, { call, participant_id: null, ...more })
  }

  reconnected(): void {
    this.online()
  }

  commands(command: CallCommand): Record<string, unknown>[] {
    return this.said.filter((one) => one.command === command).map((one) => one.payload)
  }

  /** What the desk answers when the test says nothing else. */
  private usual(command: CallCommand): (payload: never, timeoutMs?: number) => unknown {
    const now = this.clock.now()
    switch (command) {
      case 'call.load':
        return () => ({ now, calls: this.living })
      case 'call.join':
        return () => {
          const leg_id = `leg${++this.legs}`
          const call = this.living[0] ?? aCall({ state: 'answered', revision: 2 })
          const mine = this.client.view.calls[0]?.me?.participant_id ?? 'buyer'
          const joined: Joined = {
            call,
            participant_id: mine,
            leg_id,
            offer: OFFER,
            ice_servers: [{ urls: ['turns:turn.example:443'], username: 'u', credential: 'c' }],
            tracks: [
              { mid: '0', kind: 'audio', participant_id: mine === 'buyer' ? 'agent' : 'buyer' },
              { mid: '1', kind: 'video', participant_id: mine === 'buyer' ? 'agent' : 'buyer' },
              { mid: '2', kind: 'audio', participant_id: null },
            ],
            rejoin_token: `token${this.legs}`,
          }
          return joined
        }
      case 'call.describe':
        return () => {
          if (this.path) this.peer.become(this.path)
          return {}
        }
      case 'call.sync':
        return () => ({ marks: [], more: false })
      case 'call.mark':
        return () => ({ seq: ++this.marks })
      case 'call.report':
        return () => ({})
      default:
        return () => ({ now, call: this.living[0] ?? aCall() })
    }
  }
}

export const refuse = (code: ErrorCode) => (): never => {
  throw new Refusal(code, code)
}
