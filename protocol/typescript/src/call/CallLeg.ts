import type { Joined, Track } from '../wire.ts'
import type { CallBrowser } from './browser.ts'
import { SENDING, type Stats, type Step } from './quality.ts'

/** The lines of the server's offer on which one's own sound and picture go out (media ids, RFC 5888). */
const OWN_LINES = { audio: '0', video: '1' } as const

interface LegHooks {
  state(state: RTCPeerConnectionState): void
  /** Another line has sound or picture. */
  arrived(): void
}

/**
 * One peer connection of one participant, from the server's offer to its end; a changed network needs another.
 *
 * The server is ICE-lite and reads no candidates: nothing trickles, and no address of this device is in the
 * answer. Nothing is ever negotiated again, so that both own lines are `sendrecv` from the start, whether or not
 * there is a track on them yet.
 */
export class CallLeg {
  readonly id: string
  private readonly peer: RTCPeerConnection
  private readonly streams = new Map<string, { of: string; stream: MediaStream }>()
  private closed = false

  constructor(
    private readonly browser: CallBrowser,
    private readonly joined: Pick<Joined, 'leg_id' | 'offer' | 'ice_servers'>,
    private readonly hooks: LegHooks,
  ) {
    this.id = joined.leg_id
    this.peer = browser.peer({
      bundlePolicy: 'max-bundle',
      iceServers: joined.ice_servers.map(({ urls, username, credential }) => ({ urls, username, credential })),
    })
    this.peer.onconnectionstatechange = () => {
      if (!this.closed) this.hooks.state(this.peer.connectionState)
    }
    this.peer.ontrack = () => {
      if (!this.closed) this.hooks.arrived()
    }
  }

  get connected(): boolean {
    return this.peer.connectionState === 'connected'
  }

  /** Takes the offer, puts one's own tracks on their lines, and gives the answer to be sent. */
  async answer(audio: MediaStreamTrack | null, video: MediaStreamTrack | null): Promise<string> {
    await this.peer.setRemoteDescription({ type: 'offer', sdp: this.joined.offer })
    for (const line of Object.values(OWN_LINES)) this.line(line).direction = 'sendrecv'
    await this.send('audio', audio)
    await this.send('video', video)
    await this.peer.setLocalDescription(await this.peer.createAnswer())
    const sdp = this.peer.localDescription?.sdp ?? ''
    return sdp.replace(/^a=(?:candidate:.*|end-of-candidates)\r?\n/gm, '')
  }

  /** From now on this goes out; null: nothing. */
  async send(kind: 'audio' | 'video', track: MediaStreamTrack | null): Promise<void> {
    if (!this.closed) await this.line(OWN_LINES[kind]).sender.replaceTrack(track)
  }

  /** How the own picture goes out from now on. A browser that refuses goes on as it did. */
  async sendAt(step: Step): Promise<void> {
    if (this.closed) return
    const { sender } = this.line(OWN_LINES.video)
    const parameters = sender.getParameters()
    if (!parameters.encodings?.length) return
    parameters.encodings = parameters.encodings.map((encoding) => ({ ...encoding, ...SENDING[step] }))
    await sender.setParameters(parameters).catch(() => {})
  }

  async stats(): Promise<Stats> {
    return [...((await this.peer.getStats()) as unknown as ReadonlyMap<string, { type: string }>).values()] as Stats
  }

  /** Sound and picture of each of the others; the same object as long as it has the same tracks. */
  streamsOf(tracks: readonly Track[]): ReadonlyMap<string, MediaStream> {
    const lines = new Map<string, MediaStreamTrack[]>()
    for (const { mid, participant_id } of tracks) {
      const track = this.peer.getTransceivers().find((one) => one.mid === mid)?.receiver.track
      if (participant_id && track) lines.set(participant_id, [...(lines.get(participant_id) ?? []), track])
    }
    const found = new Map<string, MediaStream>()
    for (const [participantId, of] of lines) {
      const ids = of.map((track) => track.id).join()
      let known = this.streams.get(participantId)
      if (known?.of !== ids) {
        known = { of: ids, stream: this.browser.stream(of) }
        this.streams.set(participantId, known)
      }
      found.set(participantId, known.stream)
    }
    return found
  }

  /** May be called twice. No hook is called afterwards. */
  close(): void {
    this.closed = true
    this.peer.close()
  }

  private line(mid: string): RTCRtpTransceiver {
    const found = this.peer.getTransceivers().find((one) => one.mid === mid)
    if (!found) throw new Error(`The offer has no line ${mid}.`)
    return found
  }
}
