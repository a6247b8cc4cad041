import { describe, expect, it } from 'vitest'
import type { Call, MarkEntry } from '../src/wire.ts'
import { POINTER_MS } from '../src/call/marks.ts'
import { GAP_MS } from '../src/call/MarkTrack.ts'
import { after, NO_CALLS, type CallsState } from '../src/call/state.ts'
import { DeviceRefused } from '../src/CallClient.ts'
import { Refusal } from '../src/refusal.ts'
import { aCall, CallWorld, refuse, somebody } from './callWorld.ts'

const answered = (more: Partial<Call> = {}): Call => aCall({ state: 'answered', revision: 2, ...more })
const connected = (more: Partial<Call> = {}): Call =>
  aCall({
    state: 'connected',
    revision: 5,
    participants: [somebody('buyer', { state: 'joined' }), somebody('agent', { state: 'joined' })],
    ...more,
  })

/** A buyer whose call stands. */
async function inCall(capabilities: object = {}): Promise<CallWorld> {
  const world = new CallWorld()
  world.capabilities = capabilities
  world.client.start()
  await world.client.devices.open({ camera: true, microphone: true })
  await world.client.invite({ conversationId: 'conversation', media: 'video' })
  world.living = [answered()]
  world.tell('call.answered', answered())
  await world.clock.pass(1)
  world.living = [connected()]
  world.tell('call.joined', connected())
  await world.clock.pass(0)
  expect(world.phase).toBe('connected')
  return world
}

describe('a call that the buyer asks for', () => {
  it('rings, is answered, is joined by itself and stands', async () => {
    const world = new CallWorld()
    world.client.start()
    await world.client.devices.open({ camera: true, microphone: true })
    await world.client.invite({ conversationId: 'conversation', media: 'video' })
    expect(world.phase).toBe('calling')
    expect(world.peers).toHaveLength(0)
    world.path = null
    world.tell('call.answered', answered())
    await world.clock.pass(1)
    expect(world.phase).toBe('joining')
    world.peer.become('connected')
    await world.clock.pass(0)
    expect(world.phase).toBe('connecting')
    world.tell('call.joined', connected())
    expect(world.phase).toBe('connected')
  })

  it('sends its tracks on the first two lines, both ways, and hears the agent on them', async () => {
    const world = await inCall()
    expect(world.peer.lines.map((line) => line.direction).slice(0, 3)).toEqual(['sendrecv', 'sendrecv', 'recvonly'])
    expect(world.peer.line('0').sent?.kind).toBe('audio')
    expect(world.peer.line('1').sent?.kind).toBe('video')
    const stream = world.client.view.active!.streams.get('agent') as unknown as { tracks: { id: string }[] }
    expect(stream.tracks.map((track) => track.id)).toEqual(['in0', 'in1'])
    expect(world.client.view.active!.streams.get('agent')).toBe(stream)
    expect(world.peer.config.iceServers).toEqual([{ urls: ['turns:turn.example:443'], username: 'u', credential: 'c' }])
  })

  it('tells no address of the device', async () => {
    const world = await inCall()
    expect(world.commands('call.describe')[0]!['answer']).not.toContain('192.168')
    expect(world.commands('call.describe')[0]!['answer']).toContain('a=mid:0')
  })

  it('gives camera and microphone back when it is declined', async () => {
    const world = new CallWorld()
    world.client.start()
    await world.client.devices.open({ camera: true, microphone: true })
    await world.client.invite({ conversationId: 'conversation', media: 'video' })
    world.tell('call.ended', aCall({ state: 'ended', revision: 2, reason: 'declined' }))
    expect(world.phase).toBe('ended')
    expect(world.tracks.map((track) => track.readyState)).toEqual(['ended', 'ended'])
    world.client.dismiss('call')
    expect(world.client.view.calls).toEqual([])
  })

  it('is known to be impossible where the desk carries none', async () => {
    const world = new CallWorld()
    world.client.start()
    expect(world.client.view.carried).toBe(false)
    await world.clock.pass(0)
    expect(world.client.view.carried).toBe(true)
    world.answers['call.load'] = refuse('media_away')
    world.reconnected()
    await world.clock.pass(0)
    expect(world.client.view.carried).toBe(false)
  })

  it('is possible again when the desk carries calls again', async () => {
    const world = new CallWorld()
    world.answers['call.load'] = refuse('media_away')
    world.client.start()
    await world.clock.pass(0)
    delete world.answers['call.load']
    world.reconnected()
    await world.clock.pass(0)
    expect(world.client.view.carried).toBe(true)
  })

  it('is not joined by a page that was stopped, however late the answer comes', async () => {
    const world = new CallWorld()
    world.client.start()
    await world.clock.pass(0)
    await world.client.invite({ conversationId: 'conversation', media: 'video' })
    world.living = [answered()]
    world.reconnected()
    world.client.stop()
    world.tell('call.answered', answered())
    await world.clock.pass(1)
    expect(world.peers).toHaveLength(0)
    expect(world.commands('call.join')).toEqual([])
  })

  it('is not joined by another page of the same person', async () => {
    const world = new CallWorld()
    world.client.start()
    world.tell('call.rang', aCall())
    world.tell('call.answered', answered())
    await world.clock.pass(1)
    expect(world.phase).toBe('away')
    expect(world.peers).toHaveLength(0)
  })
})

describe('a call that the agent asks for', () => {
  it('rings here until it is answered, and is joined then', async () => {
    const world = new CallWorld()
    world.client.start()
    const ringing = aCall({ invited_by: 'agent' })
    world.tell('call.rang', ringing)
    expect(world.phase).toBe('ringing')
    world.living = [answered({ invited_by: 'agent' })]
    await world.client.answer('call')
    expect(world.phase).toBe('connecting')
    expect(world.client.view.devices.camera).toBe('off')
  })

  it('is declined', async () => {
    const world = new CallWorld()
    world.client.start()
    world.tell('call.rang', aCall({ invited_by: 'agent' }))
    world.living = [aCall({ invited_by: 'agent', state: 'ended', revision: 2, reason: 'declined' })]
    await world.client.decline('call')
    expect(world.phase).toBe('ended')
  })

  it('rings by the server clock', () => {
    const world = new CallWorld()
    world.client.start()
    const ahead = 90_000
    world.answers['call.load'] = () => ({ now: world.clock.now() + ahead, calls: [] })
    world.reconnected()
    return world.clock.pass(1).then(() => {
      world.tell('call.rang', aCall({ invited_by: 'agent', ring_until: world.clock.now() + ahead + 30_000 }))
      expect(world.client.view.calls[0]!.ringUntil).toBe(world.clock.now() + 30_000)
    })
  })
})

describe('states of a call', () => {
  it('know the server clock by the answer that was the shortest time on its way', () => {
    const told = (before: CallsState, ahead: number): CallsState => after(before, { type: 'told', call: aCall(), ahead })
    const loaded = after(NO_CALLS, { type: 'loaded', ahead: -500, calls: [], asked: [] })
    expect(told(loaded, -900).ahead).toBe(-500)
    expect(told(told(loaded, -450), -460).ahead).toBe(-450)
    expect(after(told(loaded, -450), { type: 'loaded', ahead: -700, calls: [], asked: [] }).ahead).toBe(-700)
  })

  it('go by the revision, in whatever order they are heard', async () => {
    const world = await inCall()
    world.tell('call.changed', connected({ revision: 4, state: 'answered' }))
    expect(world.phase).toBe('connected')
  })

  it('say when the other side is waited for, and when the next agent is to come', async () => {
    const world = await inCall()
    const lost = [somebody('buyer', { state: 'joined' }), somebody('agent', { state: 'reconnecting' })]
    world.tell('call.reconnecting', connected({ revision: 6, participants: lost }), { participant_id: 'agent', code: 'leg_lost' })
    expect(world.phase).toBe('interrupted')
    const gone = [somebody('buyer', { state: 'joined' }), somebody('agent', { state: 'left' })]
    world.tell('call.left', connected({ revision: 7, state: 'waiting', participants: gone }))
    expect(world.phase).toBe('waiting')
    expect(world.peers).toHaveLength(1)
  })

  it('end what a missed event ended', async () => {
    const world = await inCall()
    world.living = []
    world.reconnected()
    await world.clock.pass(1)
    expect(world.phase).toBe('ended')
    expect(world.peer.closed).toBe(true)
    expect(world.tracks.every((track) => track.readyState === 'ended')).toBe(true)
  })

  it('do not concern an agent who only looks at the conversation', () => {
    const world = new CallWorld('agent', () => false)
    world.client.start()
    world.tell('call.rang', aCall())
    expect(world.phase).toBe('outside')
  })

  it('keep the words for a connection when a newer call comes without them', async () => {
    const world = await inCall()
    world.hear('call.quality_changed', { call_id: 'call', participant_id: 'agent', level: 'poor', step: 'low_rate' })
    world.tell('call.changed', connected({ revision: 6 }))
    expect(world.client.view.active!.others[0]).toMatchObject({ level: 'poor', step: 'low_rate' })
  })
})

describe('a lost path', () => {
  it('is replaced by another leg with the token of the last one', async () => {
    const world = await inCall()
    world.peer.become('failed')
    expect(world.phase).toBe('reconnecting')
    await world.clock.pass(1)
    expect(world.phase).toBe('connected')
    expect(world.peers).toHaveLength(2)
    expect(world.peers[0]!.closed).toBe(true)
    expect(world.commands('call.join').at(-1)).toMatchObject({ rejoin_token: 'token1', move: false })
    expect(world.peer.line('1').sent?.readyState).toBe('live')
  })

  it('is noticed within three seconds when nothing arrives any more', async () => {
    const world = await inCall()
    world.peer.bytes = 100
    await world.clock.pass(1_000)
    world.peer.bytes = 200
    await world.clock.pass(1_000)
    expect(world.peers).toHaveLength(1)
    await world.clock.pass(2_000)
    expect(world.peers).toHaveLength(2)
  })

  it('and socket cut without a word are dialled anew within 2.5 s, at whatever moment of the measuring it was', async () => {
    let worst = 0
    for (let moment = 0; moment < 1_000; moment += 50) {
      const world = await inCall()
      world.peer.bytes = 100
      await world.clock.pass(1_000)
      world.peer.bytes = 200
      await world.clock.pass(moment)
      world.peer.bytes = 300
      const cut = world.clock.now()
      const open: (() => void)[] = []
      world.dropped = () => {
        world.answers = {
          'call.join': () => {
            throw new Refusal('offline', 'dropped')
          },
        }
        open.forEach((reject) => reject())
      }
      const dead = (_: unknown, ms = 8_000) =>
        new Promise((_, reject) => {
          open.push(() => reject(new Refusal('offline', 'dropped')))
          world.clock.after(ms, () => reject(new Refusal('timeout', 'no answer')))
        })
      world.answers = { 'call.load': dead, 'call.join': dead, 'call.report': dead }
      while (world.redials === 0 && world.clock.now() - cut < 10_000) await world.clock.pass(10)
      worst = Math.max(worst, world.clock.now() - cut)
      expect(world.phase).toBe('reconnecting')
      world.answers = {}
      world.reconnected()
      await world.clock.pass(1)
      expect([world.redials, world.phase]).toEqual([1, 'connected'])
    }
    expect(worst).toBeLessThanOrEqual(2_500)
  })

  it('leaves a socket that answers as it is', async () => {
    const world = await inCall()
    world.peer.bytes = 100
    await world.clock.pass(4_000)
    expect(world.peers.length).toBeGreaterThan(1)
    expect(world.redials).toBe(0)
  })

  it('is replaced when the device is on another network, over another connection', async () => {
    const world = await inCall()
    world.watcher('network')
    await world.clock.pass(1)
    expect(world.redials).toBe(1)
    expect(world.peers).toHaveLength(2)
  })

  it('is tried again until a path stands', async () => {
    const world = await inCall()
    world.path = 'failed'
    world.peer.become('failed')
    await world.clock.pass(3_000)
    expect(world.phase).toBe('reconnecting')
    world.path = 'connected'
    await world.clock.pass(2_000)
    expect(world.phase).toBe('connected')
    expect(world.peers.filter((peer) => !peer.closed)).toHaveLength(1)
  })

  it('is replaced at once when it dies between its path and standing', async () => {
    const world = await inCall()
    world.hear('call.reconnecting', { call: connected({ revision: 6 }), participant_id: 'buyer' })
    world.answers['call.describe'] = () => {
      const { peer } = world
      const [line] = peer.lines
      const replace = line!.sender.replaceTrack
      // Its path stands by now; the first of its tracks is not yet out when it is gone.
      line!.sender.replaceTrack = async (track) => {
        peer.become('failed')
        await replace(track)
      }
      delete world.answers['call.describe']
      peer.become('connected')
      return {}
    }
    await world.clock.pass(1_000)
    expect(world.phase).toBe('connected')
    expect(world.peers).toHaveLength(3)
    expect(world.peers.filter((peer) => !peer.closed)).toEqual([world.peer])
    expect(world.peer.connectionState).toBe('connected')
  })

  it('is replaced when the server hears nothing of ours', async () => {
    const world = await inCall()
    const lost = [somebody('buyer', { state: 'reconnecting' }), somebody('agent', { state: 'joined' })]
    world.living = [connected({ revision: 6, participants: lost })]
    world.tell('call.reconnecting', world.living[0]!, { participant_id: 'buyer', code: 'media_lost' })
    await world.clock.pass(1)
    expect(world.peers).toHaveLength(2)
  })

  it('goes on while no media process is there, and ends with the call', async () => {
    const world = await inCall()
    world.answers['call.join'] = refuse('media_away')
    world.peer.become('failed')
    await world.clock.pass(5_000)
    expect(world.phase).toBe('reconnecting')
    world.answers['call.join'] = refuse('call_ended')
    await world.clock.pass(2_000)
    expect(world.phase).toBe('ended')
  })
})

describe('a browser that cannot take the offer', () => {
  it('says so once, asks for no leg after it, and may be told to try again', async () => {
    const world = await inCall()
    world.incapable = true
    world.peer.become('failed')
    await world.clock.pass(60_000)
    expect(world.phase).toBe('refused')
    expect(world.client.view.active!.part.refusal?.code).toBe('description_refused')
    expect(world.commands('call.join')).toHaveLength(2)
    expect(world.tracks.every((track) => track.readyState === 'ended')).toBe(true)
    world.incapable = false
    await world.client.join('call')
    expect(world.phase).toBe('connected')
  })
})

describe('another page', () => {
  it('of the same person takes the call: this one stops and gives its devices back', async () => {
    const world = await inCall()
    world.hear('call.moved', { call_id: 'call', participant_id: 'buyer', leg_id: 'other' })
    expect(world.phase).toBe('elsewhere')
    expect(world.peer.closed).toBe(true)
    expect(world.tracks.every((track) => track.readyState === 'ended')).toBe(true)
    await world.client.join('call', { move: true })
    expect(world.phase).toBe('connected')
    expect(world.commands('call.join').at(-1)).toMatchObject({ move: true })
  })

  it('has the call: one is asked before it is moved', async () => {
    const world = new CallWorld()
    world.living = [connected()]
    world.client.start()
    await world.clock.pass(1)
    expect(world.phase).toBe('away')
    world.answers['call.join'] = refuse('elsewhere')
    await expect(world.client.join('call')).rejects.toMatchObject({ code: 'elsewhere' })
    expect(world.phase).toBe('elsewhere')
  })

  it('after a reload goes on with the token of before', async () => {
    const before = await inCall()
    const world = new CallWorld()
    before.stored.forEach((value, key) => world.stored.set(key, value))
    world.living = [connected()]
    world.client.start()
    await world.clock.pass(1)
    await world.client.join('call')
    expect(world.commands('call.join')[0]).toMatchObject({ rejoin_token: 'token1' })
    expect(world.phase).toBe('connected')
  })
})

describe('devices', () => {
  it('are not opened before they are asked for', async () => {
    const world = new CallWorld()
    world.client.start()
    world.tell('call.rang', aCall({ invited_by: 'agent' }))
    world.living = [answered({ invited_by: 'agent' })]
    await world.client.answer('call')
    expect(world.tracks).toHaveLength(0)
    expect(world.commands('call.set')[0]).toMatchObject({ camera: false, microphone: false })
  })

  it('try the rear camera first and turn to the other one', async () => {
    const world = await inCall()
    expect(world.tracks[1]!.constraints).toMatchObject({ facingMode: { ideal: 'environment' } })
    await world.client.devices.switchCamera()
    expect(world.tracks[1]!.readyState).toBe('ended')
    expect(world.tracks[2]!.constraints).toMatchObject({ facingMode: { ideal: 'user' } })
    await world.clock.pass(0)
    expect(world.peer.line('1').sent).toBe(world.tracks[2])
    expect(world.client.view.devices.facing).toBe('user')
  })

  it('say why they are not to be had', async () => {
    const world = new CallWorld()
    for (const [name, fault] of [
      ['NotAllowedError', 'denied'],
      ['NotFoundError', 'missing'],
      ['NotReadableError', 'in_use'],
    ] as const) {
      world.denies = name
      await expect(world.client.devices.open({ camera: true })).rejects.toMatchObject({ fault })
      expect(world.client.view.devices).toMatchObject({ fault, busy: false, camera: 'off' })
    }
    await expect(world.client.devices.open({ microphone: true })).rejects.toBeInstanceOf(DeviceRefused)
  })

  /** The browser asks the person, and waits for the answer that this gives. */
  function questions(world: CallWorld): (() => void)[] {
    const waiting: (() => void)[] = []
    world.asked = () => new Promise((resolve) => void waiting.push(resolve))
    return waiting
  }
  const running = (world: CallWorld) => world.tracks.filter((track) => track.readyState === 'live')

  it('are opened once, though they are asked for twice', async () => {
    const world = new CallWorld()
    const waiting = questions(world)
    const both = [world.client.devices.open({ microphone: true }), world.client.devices.open({ microphone: true, camera: true })]
    await world.clock.pass(0)
    expect(waiting).toHaveLength(1)
    waiting.shift()!()
    await world.clock.pass(0)
    expect(world.client.view.devices.busy).toBe(true)
    waiting.shift()!()
    await Promise.all(both)
    expect(running(world).map((track) => track.kind)).toEqual(['audio', 'video'])
    expect(world.client.view.devices).toMatchObject({ microphone: 'on', camera: 'on', busy: false })
    world.client.devices.close()
    expect(running(world)).toEqual([])
  })

  it('of the last call, permitted late, are given back, and those of this call stay', async () => {
    const world = new CallWorld()
    const waiting = questions(world)
    const late = world.client.devices.open({ camera: true, microphone: true })
    await world.clock.pass(0)
    world.client.devices.close()
    const now = world.client.devices.open({ microphone: true })
    await world.clock.pass(0)
    expect(waiting).toHaveLength(2)
    waiting[1]!()
    await now
    waiting[0]!()
    await late
    expect(running(world)).toEqual([world.client.devices.track('audio')])
    expect(world.client.view.devices).toMatchObject({ microphone: 'on', camera: 'off', busy: false, fault: null })
  })

  it('that were refused for the last call are no fault of this one', async () => {
    const world = new CallWorld()
    const waiting = questions(world)
    const late = world.client.devices.open({ camera: true })
    await world.clock.pass(0)
    world.client.devices.close()
    world.denies = 'NotAllowedError'
    waiting[0]!()
    await expect(late).rejects.toMatchObject({ fault: 'denied' })
    expect(world.client.view.devices).toMatchObject({ busy: false, fault: null })
  })

  it('that the system took while the page was out of sight are opened again when it is back', async () => {
    const world = await inCall()
    const [microphone, camera] = world.tracks
    world.watcher('hidden')
    microphone!.onmute?.()
    camera!.onended?.()
    await world.clock.pass(20_000)
    expect(world.client.view.devices).toMatchObject({ camera: 'off', fault: 'ended' })
    world.watcher('shown')
    await world.clock.pass(600)
    expect(microphone!.readyState).toBe('ended')
    expect(running(world)).toEqual([world.client.devices.track('audio'), world.client.devices.track('video')])
    expect(world.peer.line('0').sent).toBe(world.client.devices.track('audio'))
    expect(world.peer.line('1').sent).toBe(world.client.devices.track('video'))
    expect(world.client.view.devices).toMatchObject({ camera: 'on', microphone: 'on', fault: null })
  })

  it('that come back by themselves, or were paused by the person, are left alone', async () => {
    const world = await inCall()
    const [microphone, camera] = world.tracks
    microphone!.onmute?.()
    await world.clock.pass(2_500)
    world.watcher('hidden')
    camera!.onmute?.()
    await world.clock.pass(500)
    world.watcher('shown')
    camera!.onunmute?.()
    await world.clock.pass(1_000)
    expect(world.tracks).toEqual([microphone, camera])
  })

  it('that were given up by the person do not come back with the page', async () => {
    const world = await inCall()
    world.watcher('hidden')
    world.tracks[1]!.onended?.()
    world.watcher('shown')
    await world.client.devices.setCamera(false)
    await world.clock.pass(1_000)
    expect(running(world).map((track) => track.kind)).toEqual(['audio'])
  })

  it('that the system does not give back yet are off, and tried at the next return', async () => {
    const world = await inCall()
    world.watcher('hidden')
    world.tracks[1]!.onmute?.()
    world.watcher('shown')
    world.denies = 'NotReadableError'
    await world.clock.pass(1_000)
    expect(world.client.view.devices).toMatchObject({ camera: 'off', fault: 'in_use' })
    world.denies = null
    await world.clock.pass(60_000)
    expect(world.client.view.devices.camera).toBe('off')
    world.watcher('hidden')
    await world.clock.pass(1_000)
    world.watcher('shown')
    await world.clock.pass(1_000)
    expect(world.client.view.devices).toMatchObject({ camera: 'on', fault: null })
  })

  it('keep a mute over being opened again', async () => {
    const world = await inCall()
    await world.client.devices.setMicrophone(false)
    world.watcher('hidden')
    world.tracks[0]!.onmute?.()
    world.watcher('shown')
    await world.clock.pass(1_000)
    expect(world.client.view.devices.microphone).toBe('muted')
    expect(world.client.devices.track('audio')).toMatchObject({ id: 'audio2', enabled: false })
  })

  it('are opened anew when the camera is on and no frame goes out, ever more rarely', async () => {
    const world = await inCall()
    const opened = () => world.tracks.filter((track) => track.kind === 'video').length
    world.peer.frames = 30
    const second = (frames: number) => {
      world.peer.bytes += 100
      world.peer.frames! += frames
      return world.clock.pass(1_000)
    }
    for (let n = 0; n < 2; n++) await second(10)
    for (let n = 0; n < 2; n++) await second(0)
    expect(opened()).toBe(1)
    await second(0)
    expect(opened()).toBe(2)
    expect(world.peer.line('1').sent).toBe(world.client.devices.track('video'))
    for (let n = 0; n < 5; n++) await second(0)
    expect(opened()).toBe(2)
    await second(0)
    expect(opened()).toBe(3)
    await second(5)
    for (let n = 0; n < 3; n++) await second(0)
    expect(opened()).toBe(4)
    expect(running(world)).toHaveLength(2)
  })

  it('are left alone where the browser does not count frames, and while the camera is off', async () => {
    const world = await inCall()
    const seconds = async (all: number) => {
      for (let n = 0; n < all; n++) {
        world.peer.bytes += 100
        await world.clock.pass(1_000)
      }
    }
    await seconds(10)
    expect(world.tracks).toHaveLength(2)
    world.peer.frames = 7
    await world.client.devices.setCamera(false)
    await seconds(10)
    expect(world.tracks).toHaveLength(2)
  })

  it('are those that the person chose, at once and at the next call', async () => {
    const world = await inCall()
    await world.client.devices.choose('video', 'usb')
    expect(world.tracks[1]!.readyState).toBe('ended')
    expect(world.tracks[2]!.constraints).toMatchObject({ deviceId: { exact: 'usb' } })
    await world.clock.pass(0)
    expect(world.peer.line('1').sent).toBe(world.tracks[2])
    world.denies = 'OverconstrainedError'
    await expect(world.client.devices.choose('audio', 'gone')).rejects.toMatchObject({ fault: 'missing' })
    expect(world.tracks[0]!.readyState).toBe('live')
    world.denies = null
    world.client.devices.close()
    await world.client.devices.choose('audio', 'headset')
    expect(world.tracks).toHaveLength(3)
    await world.client.devices.open({ camera: true, microphone: true })
    expect(world.tracks.slice(3).map((track) => track.constraints)).toMatchObject([
      { deviceId: { ideal: 'headset' } },
      { deviceId: { ideal: 'usb' } },
    ])
  })

  it('mute by silence and tell the others', async () => {
    const world = await inCall()
    world.said.length = 0
    world.living = [connected({ revision: 6, participants: [somebody('buyer', { state: 'joined', microphone: false })] })]
    await world.client.devices.setMicrophone(false)
    await world.clock.pass(0)
    expect(world.peer.line('0').sent).toMatchObject({ enabled: false, readyState: 'live' })
    const controls = { torch: null, zoom: null }
    expect(world.commands('call.set')).toEqual([{ call_id: 'call', camera: true, microphone: false, screen: false, controls }])
  })

  it('send black before the camera is given back', async () => {
    const world = await inCall()
    await world.client.devices.setCamera(false)
    const track = world.tracks[1]!
    expect(track).toMatchObject({ enabled: false, readyState: 'live' })
    expect(world.client.view.devices.camera).toBe('off')
    await world.clock.pass(300)
    expect(track.readyState).toBe('ended')
    expect(world.peer.line('1').sent).toBe(null)
  })

  it('send black while the page is out of sight', async () => {
    const world = await inCall()
    world.watcher('hidden')
    expect(world.tracks[1]!.enabled).toBe(false)
    // A page that is loaded anew is gone before it is told: whoever joins again had his camera on.
    expect(world.commands('call.set')).toEqual([])
    await world.clock.pass(500)
    expect(world.commands('call.set').at(-1)).toMatchObject({ camera: false })
    world.watcher('shown')
    expect(world.tracks[1]!.enabled).toBe(true)
  })

  it('share a screen in place of the camera, until its own end', async () => {
    const world = await inCall()
    await world.client.devices.shareScreen(true)
    const screen = world.tracks[2]!
    await world.clock.pass(0)
    expect(world.peer.line('1').sent).toBe(screen)
    expect(world.commands('call.set').at(-1)).toMatchObject({ camera: false, screen: true })
    screen.onended?.()
    expect(world.client.view.devices).toMatchObject({ screen: false, camera: 'off', fault: null })
  })

  it('have light and zoom where the camera says so', async () => {
    const world = await inCall()
    expect(world.client.view.devices).toMatchObject({ torch: null, zoom: null })
    world.tracks[1]!.capabilities = { torch: true, zoom: { min: 1, max: 4, step: 0.5 } }
    await world.client.devices.setCamera(false)
    const open = world.client.devices.setCamera(true)
    world.tracks.at(-1)!.capabilities = { torch: true, zoom: { min: 1, max: 4, step: 0.5 } }
    await open
    expect(world.client.view.devices).toMatchObject({ torch: false, zoom: { min: 1, max: 4, step: 0.5, now: 1 } })
    await world.client.devices.setTorch(true)
    await world.client.devices.setZoom(9)
    expect(world.tracks.at(-1)!.applied).toEqual([{ advanced: [{ torch: true }] }, { advanced: [{ zoom: 4 }] }])
    expect(world.client.view.devices).toMatchObject({ torch: true, zoom: { now: 4 } })
  })
})

describe('torch and zoom', () => {
  const CAN = { torch: true, zoom: { min: 1, max: 4, step: 0.5 } }
  const asked = { call_id: 'call', participant_id: 'buyer', torch: null, zoom: null }

  /** A desk that keeps what it is told. */
  function keeping(world: CallWorld): void {
    world.answers['call.set'] = ({ call_id: _, ...flags }: Record<string, unknown>) => {
      const [before] = world.living as [Call]
      const participants = before.participants.map((one) => (one.role === 'buyer' ? { ...one, ...flags } : one))
      world.living = [{ ...before, revision: before.revision + 1, participants }]
      return { now: world.clock.now(), call: world.living[0] }
    }
  }

  async function lit(capabilities: object = CAN): Promise<{ world: CallWorld; said: string[]; told: () => unknown }> {
    const world = await inCall(capabilities)
    keeping(world)
    world.tell('call.changed', connected({ revision: 6 }))
    await world.clock.pass(0)
    const said: string[] = []
    world.client.onAdjusted((what) => said.push(what))
    return { world, said, told: () => world.commands('call.set').at(-1)?.['controls'] }
  }

  it('are told of a buyer whose camera has them, and not while it is off', async () => {
    const { world, told } = await lit()
    expect(told()).toEqual({ torch: false, zoom: { least: 1, most: 4, now: 1 } })
    await world.client.devices.setCamera(false)
    expect(told()).toEqual({ torch: null, zoom: null })
  })

  it('are found although the browser knows of them only some time after the camera is open', async () => {
    const { world, told } = await lit({})
    expect(world.client.view.devices).toMatchObject({ torch: null, zoom: null })
    world.tracks[1]!.capabilities = CAN
    await world.clock.pass(1_100)
    expect(world.client.view.devices).toMatchObject({ torch: false, zoom: { min: 1, max: 4, now: 1 } })
    await world.clock.pass(700)
    expect(told()).toEqual({ torch: false, zoom: { least: 1, most: 4, now: 1 } })
    await world.client.devices.setTorch(true)
    await world.clock.pass(3_000)
    expect(world.client.view.devices.torch, 'a later look does not put it out').toBe(true)
  })

  it('of a camera that another has replaced meanwhile are not taken for those of the new one, nor said', async () => {
    const { world, said } = await lit()
    let done: () => void = () => {}
    world.tracks[1]!.slow = new Promise((resolve) => (done = resolve))
    world.hear('call.adjust_asked', { ...asked, torch: true, zoom: 3 })
    await world.clock.pass(0)
    await world.client.devices.switchCamera()
    done()
    await world.clock.pass(0)
    expect(said).toEqual([])
    expect(world.client.view.devices).toMatchObject({ facing: 'user', torch: false, zoom: { now: 1 } })
  })

  it('are told of nobody who has none', async () => {
    const { world } = await lit({ zoom: { min: 1, max: 1 } })
    expect(world.commands('call.set')).toEqual([])
  })

  it('are set as the agent asks, in that order, said here, and told back', async () => {
    const { world, said, told } = await lit()
    world.hear('call.adjust_asked', { ...asked, torch: true, zoom: 3 })
    world.hear('call.adjust_asked', { ...asked, torch: false })
    world.hear('call.adjust_asked', { ...asked, zoom: 2 })
    world.hear('call.adjust_asked', { ...asked, zoom: 2 })
    await world.clock.pass(0)
    expect(world.tracks[1]!.applied).toEqual([{ torch: true }, { zoom: 3 }, { torch: false }, { zoom: 2 }, { zoom: 2 }].map((one) => ({ advanced: [one] })))
    expect(said).toEqual(['torch_on', 'zoomed_in', 'torch_off', 'zoomed_out'])
    await world.clock.pass(700)
    expect(told()).toEqual({ torch: false, zoom: { least: 1, most: 4, now: 2 } })
  })

  it('stay as they are where the camera would not, is off, or another call is meant', async () => {
    const { world, said, told } = await lit()
    world.tracks[1]!.unfit = new Error('busy')
    world.hear('call.adjust_asked', { ...asked, torch: true })
    await world.clock.pass(0)
    world.tracks[1]!.unfit = null
    world.hear('call.adjust_asked', { ...asked, call_id: 'another', torch: true })
    world.hear('call.adjust_asked', { ...asked, participant_id: 'agent', torch: true })
    await world.clock.pass(0)
    expect(told()).toMatchObject({ torch: false })
    const opened = world.tracks.length
    await world.client.devices.setCamera(false)
    world.hear('call.adjust_asked', { ...asked, torch: true, zoom: 2 })
    await world.clock.pass(0)
    expect(said).toEqual([])
    expect(world.tracks[1]!.applied).toEqual([])
    expect(world.tracks).toHaveLength(opened)
    expect(world.client.view.devices).toMatchObject({ camera: 'off', facing: 'environment' })
  })

  it('are the buyer\'s own to take back; a slider that is drawn tells where it stands at most so often, and at last', async () => {
    const { world, told } = await lit()
    world.hear('call.adjust_asked', { ...asked, torch: true })
    await world.clock.pass(0)
    await world.client.devices.setTorch(false)
    await world.clock.pass(0)
    expect(told()).toMatchObject({ torch: false })
    const before = world.commands('call.set').length
    for (let step = 0; step < 30; step++) {
      await world.client.devices.setZoom(1 + step / 10)
      await world.clock.pass(50)
    }
    await world.clock.pass(700)
    expect(world.commands('call.set').length - before).toBeLessThanOrEqual(3)
    expect(told()).toMatchObject({ zoom: { now: 3.9 } })
  })

  it('of an agent\'s own camera are nobody\'s concern', async () => {
    const world = new CallWorld('agent')
    world.capabilities = CAN
    world.living = [connected()]
    world.client.start()
    await world.clock.pass(0)
    await world.client.devices.open({ camera: true, microphone: true })
    await world.client.join('call')
    await world.clock.pass(0)
    expect(world.commands('call.set')).toMatchObject([{ camera: true }])
    expect(world.commands('call.set')[0]).not.toHaveProperty('controls')
    await world.client.askAdjust({ torch: true })
    expect(world.commands('call.adjust')).toEqual([{ call_id: 'call', torch: true }])
  })
})

describe('hanging up', () => {
  it('is over here at once, also without a connection', async () => {
    const world = await inCall()
    let answer: (value: unknown) => void = () => {}
    world.answers['call.hang_up'] = () => new Promise((resolve) => (answer = resolve))
    const told = world.client.hangUp('call')
    expect(world.phase).toBe('ended')
    expect(world.peer.closed).toBe(true)
    expect(world.tracks.every((track) => track.readyState === 'ended')).toBe(true)
    answer({ now: world.clock.now(), call: aCall({ state: 'ended', revision: 9 }) })
    await told
    expect(world.stored.size).toBe(0)
  })

  it('of one call leaves another alone, and only one has media', async () => {
    const world = await inCall()
    world.tell('call.rang', aCall({ call_id: 'second', invited_by: 'agent', rang_at: 1_800_000_000_000 }))
    await expect(world.client.answer('second')).rejects.toMatchObject({ code: 'busy' })
    world.tell('call.ended', aCall({ call_id: 'second', state: 'ended', revision: 2 }))
    expect(world.client.view.active?.call.call_id).toBe('call')
    expect(world.peer.closed).toBe(false)
  })
})

describe('marks', () => {
  const arrow = { shape: 'arrow', of: 'buyer', frame_at: 40, start: { x: 0, y: 0 }, end: { x: 1, y: 1 } } as const

  it('are drawn here at once and taken back when the server refuses them', async () => {
    const world = await inCall()
    await world.client.draw({ ...arrow, mark_id: 'm1' })
    expect(world.client.view.active!.boards['buyer']!.shapes).toHaveLength(1)
    world.answers['call.mark'] = refuse('too_many')
    await expect(world.client.draw({ ...arrow, mark_id: 'm2' })).rejects.toMatchObject({ code: 'too_many' })
    expect(world.client.view.active!.boards['buyer']!.shapes.map((one) => one.markId)).toEqual(['m1'])
  })

  const entry = (seq: number, mark: object = arrow) =>
    ({ seq, participant_id: 'agent', at: 1_700_000_000_000, mark: { ...mark, mark_id: `m${seq}` } }) as MarkEntry
  const hear = (world: CallWorld, of: MarkEntry): void => world.hear('call.marked', { call_id: 'call', entry: of })
  /** A desk with this track; `page` marks in an answer. */
  const keeps = (world: CallWorld, track: MarkEntry[], page = 200): void => {
    world.answers['call.sync'] = ({ after_seq }: { after_seq: number }) => {
      const found = track.filter((one) => one.seq > after_seq)
      return { marks: found.slice(0, page), more: found.length > page }
    }
  }
  const drawnBy = (world: CallWorld) => world.client.view.active!.boards['buyer']!.shapes.map((one) => one.markId)

  it('of others are drawn once, whether heard or read', async () => {
    const world = await inCall()
    hear(world, entry(1))
    world.hear('call.marked', { call_id: 'other', entry: entry(2) })
    keeps(world, [entry(1), entry(2)])
    world.reconnected()
    await world.clock.pass(1)
    expect(drawnBy(world)).toEqual(['m1', 'm2'])
  })

  it('that were drawn before one heard the newest of a new connection are all read', async () => {
    const world = await inCall()
    hear(world, entry(1))
    const track = [1, 2, 3, 4, 5].map((seq) => entry(seq))
    keeps(world, track, 2)
    world.answers['call.load'] = () => {
      hear(world, entry(5)) // comes in before the answer does
      return { now: world.clock.now(), calls: world.living }
    }
    world.reconnected()
    await world.clock.pass(1)
    expect(world.commands('call.sync').map((asked) => asked['after_seq']).slice(-2)).toEqual([1, 3])
    expect(drawnBy(world)).toEqual(['m1', 'm2', 'm3', 'm4', 'm5'])
  })

  it('are seen at once though one before them is missing, and in their order when it is read', async () => {
    const world = await inCall()
    hear(world, entry(1))
    const clear = entry(2, { shape: 'clear', of: 'buyer', frame_at: 40 })
    keeps(world, [entry(1), clear, entry(3)])
    hear(world, entry(3))
    expect(drawnBy(world)).toEqual(['m1', 'm3'])
    await world.clock.pass(GAP_MS)
    expect(drawnBy(world)).toEqual(['m3'])
  })

  it('that come in another order are put right without a question', async () => {
    const world = await inCall()
    const asked = world.commands('call.sync').length
    const freeze = entry(2, { shape: 'freeze', of: 'buyer', frame_at: 40, picture: '/9j/' })
    hear(world, entry(3, { shape: 'unfreeze', of: 'buyer', frame_at: 40 }))
    hear(world, freeze)
    hear(world, entry(1))
    await world.clock.pass(2 * GAP_MS)
    expect(world.client.view.active!.boards['buyer']!.held).toBe(null)
    expect(world.commands('call.sync')).toHaveLength(asked)
  })

  it('of others that came before the answer to one\'s own do not hide it', async () => {
    const world = await inCall()
    world.answers['call.mark'] = () => {
      hear(world, entry(2))
      return { seq: 1 }
    }
    await world.client.draw({ ...arrow, mark_id: 'mine' })
    expect(drawnBy(world)).toEqual(['mine', 'm2'])
  })

  it('that point are gone a moment after the hand rested, also those that are read later', async () => {
    const world = await inCall()
    const points = () => world.client.view.active!.boards['buyer']!.pointers.length
    const pointer = { shape: 'pointer', of: 'buyer', frame_at: 40, points: [{ x: 0, y: 0 }] }
    const seen = world.clock.now()
    hear(world, { ...entry(1, pointer), at: seen })
    expect(points()).toBe(1)
    await world.clock.pass(POINTER_MS - 1)
    expect(points()).toBe(1)
    await world.clock.pass(1)
    expect(points()).toBe(0)
    hear(world, { ...entry(2, pointer), at: seen })
    expect(points()).toBe(0)
  })

  it('missing after a refused question are asked for with the next mark', async () => {
    const world = await inCall()
    world.answers['call.sync'] = refuse('rate_limited')
    hear(world, entry(2))
    await world.clock.pass(GAP_MS)
    keeps(world, [1, 2, 3].map((seq) => entry(seq)))
    hear(world, entry(3))
    await world.clock.pass(GAP_MS)
    expect(drawnBy(world)).toEqual(['m1', 'm2', 'm3'])
  })
})

it('a supervisor who spoke to all and whispers now shows nothing any more, and goes on to be heard', async () => {
  const world = new CallWorld('agent', () => false)
  world.client.start()
  const seat = (mode: 'barge' | 'whisper') => somebody('supervisor', { mode, state: 'joined', camera: mode === 'barge' })
  world.living = [connected({ revision: 6, participants: [...connected().participants, seat('barge')] })]
  world.tell('call.changed', connected())
  await world.client.devices.open({ camera: true, microphone: true })
  await world.client.supervise('call', 'barge')
  expect(world.client.view.devices).toMatchObject({ camera: 'on', microphone: 'on' })
  world.living = [connected({ revision: 7, participants: [...connected().participants, seat('whisper')] })]
  await world.client.supervise('call', 'whisper')
  await world.clock.pass(400)
  expect(world.client.view.devices).toMatchObject({ camera: 'off', microphone: 'on' })
  expect(world.tracks.map(({ kind, readyState }) => [kind, readyState])).toEqual([['audio', 'live'], ['video', 'ended']])
  const before = world.commands('call.set').length
  await world.client.devices.setMicrophone(false)
  await world.clock.pass(0)
  expect(world.commands('call.set').slice(before)).toMatchObject([{ camera: false, microphone: false, screen: false }])
  await world.client.devices.shareScreen(true)
  await world.client.supervise('call', 'whisper')
  expect(world.client.view.devices).toMatchObject({ screen: false })
})

it('a supervisor who is sent out of hearing or sight on another page of his stops here too, also what he asked for before', async () => {
  const world = new CallWorld('agent', () => false)
  world.client.start()
  let revision = 6
  const as = (mode: 'listener' | 'whisper' | 'barge') => {
    const seat = somebody('supervisor', { mode, state: 'joined', microphone: mode !== 'listener' })
    world.living = [connected({ revision: ++revision, participants: [...connected().participants, seat] })]
    return world.living[0]!
  }
  as('barge')
  world.tell('call.changed', connected())
  await world.client.supervise('call', 'barge')
  await world.client.devices.open({ camera: true, microphone: true })
  world.tell('call.changed', as('whisper'))
  await world.clock.pass(400)
  expect(world.client.view.devices).toMatchObject({ camera: 'off', microphone: 'on' })

  world.tell('call.changed', as('barge'))
  let permits: () => void = () => {}
  world.asked = () => new Promise((resolve) => (permits = resolve))
  const open = world.client.devices.open({ camera: true })
  await world.client.supervise('call', 'whisper').then(() => world.tell('call.changed', as('whisper')))
  permits()
  await open
  await world.clock.pass(400)
  expect(world.client.view.devices.camera, 'permitted after he was out of sight').toBe('off')

  world.tell('call.changed', as('listener'))
  expect(world.client.view.devices).toMatchObject({ camera: 'off', microphone: 'none' })
  expect(world.tracks.map(({ readyState }) => readyState)).toEqual(world.tracks.map(() => 'ended'))
})

it('a supervisor listens without any device of his own', async () => {
  const world = new CallWorld('agent', () => false)
  world.client.start()
  const seat = somebody('supervisor', { mode: 'listener', microphone: false })
  world.living = [connected({ revision: 6, participants: [...connected().participants, seat] })]
  world.tell('call.changed', connected())
  expect(world.phase).toBe('outside')
  await world.client.supervise('call', 'listen')
  expect(world.client.view.active?.me?.participant_id).toBe('supervisor')
  expect(world.tracks).toHaveLength(0)
  expect(world.commands('call.set')).toEqual([])
  await world.client.hangUp('call')
  expect(world.client.view.active).toBe(null)
})
