import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { GuestSocket } from '@livedesk/protocol/CallClient.ts'
import type { ConnectionHooks } from '@livedesk/protocol'
import { Refusal } from '@livedesk/protocol'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { aCall, aBrowser, OFFER, somebody, ToyPeer, ToyTrack } from '../../protocol/typescript/test/callWorld.ts'
import { dice, ToyClock } from '../../protocol/typescript/test/toy.ts'
import GuestApp from '../src/guest/GuestApp.vue'
import { GuestCall } from '../src/guest/GuestCall.ts'
import { takeToken } from '../src/guest/token.ts'
import { speak } from '../src/guest/words.ts'

const TOKEN = 'ldg_0123456789abcdefghijklmnopqrstuvwxyz'
const guest = somebody('guest', { participant_id: 'g', name: '仓库老李', camera: false, microphone: false })
const standing = aCall({
  state: 'connected',
  revision: 5,
  participants: [somebody('buyer', { name: '小雨', state: 'joined' }), somebody('agent', { name: '小美', state: 'joined' }), guest],
})

/** The page, with a desk that the test plays. */
function page(secure = true) {
  const clock = new ToyClock(dice(3))
  const peers: ToyPeer[] = []
  const tracks: ToyTrack[] = []
  const asked: { command: string; payload: Record<string, unknown> }[] = []
  let hooks: ConnectionHooks = null!
  let call = standing
  const replies: Record<string, () => unknown> = {
    'call.load': () => ({ now: clock.now(), calls: [call] }),
    'call.join': () => ({
      call,
      participant_id: 'g',
      leg_id: `leg${peers.length}`,
      offer: OFFER,
      ice_servers: [],
      tracks: [
        { mid: '0', kind: 'audio', participant_id: 'buyer' },
        { mid: '1', kind: 'video', participant_id: 'buyer' },
      ],
      rejoin_token: 'r'.repeat(40),
    }),
    'call.describe': () => {
      peers.at(-1)!.become('connected')
      return {}
    },
    'call.sync': () => ({ marks: [], more: false }),
  }
  const socket = new GuestSocket(
    (_, given) => {
      hooks = given
      return {
        send: (command, payload, ack) => {
          asked.push({ command, payload: payload as Record<string, unknown> })
          ack({ ok: true, data: (replies[command] ?? (() => ({ now: clock.now(), call })))() })
        },
        close: () => {},
      }
    },
    TOKEN,
    clock,
  )
  const browser = aBrowser(peers, secure, { tracks })
  const held = new GuestCall(socket, browser, clock)
  const shown = mount(GuestApp, { props: { guest: held, known: true }, global: { stubs: { Picture: true, Sound: true } } })
  held.begin()
  return {
    clock,
    shown,
    asked,
    peers,
    tracks,
    hooks: () => hooks,
    open: async () => {
      await flushPromises()
      hooks.opened()
      await flushPromises()
    },
    becomes: async (to: typeof standing) => {
      call = to
      hooks.event('call.changed', { call, participant_id: null })
      await flushPromises()
    },
    commands: (name: string) => asked.filter((one) => one.command === name).map((one) => one.payload),
  }
}

const press = async (shown: VueWrapper, words: string): Promise<void> => {
  const found = shown.findAll('button').find((one) => (one.attributes('aria-label') ?? one.text()) === words)
  if (!found) throw new Error(`no button ${words} in ${shown.text()}`)
  await found.trigger('click')
  await flushPromises()
}

vi.stubGlobal('ResizeObserver', class {
  observe(): void {}
  disconnect(): void {}
})

describe('a guest', () => {
  test('is told who asks him and as whom he is shown, and nothing is opened before he says how he comes', async () => {
    const { shown, open, commands } = page()
    expect(shown.text()).toContain('正在打开通话')
    await open()
    expect(shown.text()).toContain('小美 请您加入一次通话')
    expect(shown.text()).toContain('仓库老李')
    expect(commands('call.join')).toEqual([])
  })

  test('looks at himself before he is seen, answers the question about recording, and leaves', async () => {
    const { shown, open, commands, becomes } = page()
    await open()
    await press(shown, '打开摄像头加入')
    expect(shown.text()).toContain('还没有发给任何人')
    expect(commands('call.join')).toEqual([])
    await press(shown, '加入通话')
    expect(commands('call.join')).toHaveLength(1)
    await becomes({ ...standing, revision: 6, participants: [...standing.participants.slice(0, 2), { ...guest, state: 'joined' }] })
    expect(shown.text()).toContain('可以录下这次通话吗')
    await press(shown, '不录制')
    expect(commands('call.consent')).toEqual([{ call_id: 'call', granted: false, text_version: 'caller-2026-11', locale: 'zh-CN' }])
    await becomes({ ...standing, revision: 7, recording: { state: 'on', code: null } })
    expect(shown.text()).toContain('正在录制')
    const participants = [...standing.participants.slice(0, 2), { ...guest, state: 'joined' as const, consent: 'granted' as const }]
    await becomes({ ...standing, revision: 8, participants, recording: { state: 'on', code: null } })
    expect(shown.text()).toContain('停止录制')
    await becomes({ ...standing, revision: 9, participants, recording: { state: 'paused', code: 'unasked' } })
    expect(shown.text(), 'nothing runs that could be stopped').toContain('不允许录制')
    await becomes({ ...standing, revision: 10, participants, recording: { state: 'stopped', code: 'disk_full' } })
    expect(shown.text(), 'it is not begun again in this call').not.toContain('允许录制')
    await press(shown, '离开')
    expect(commands('call.hang_up')).toHaveLength(1)
    expect(shown.text()).toContain('您已离开通话')
  })

  test('is told by name who else comes into the call, in words of his own language', async () => {
    speak(['en'])
    onTestFinished(() => speak(['zh']))
    const { shown, open, becomes } = page()
    await open()
    expect(shown.text()).toContain('In the call: 小美 (agent), 小雨 (buyer)')
    await press(shown, 'Just watch and listen')
    const boss = somebody('supervisor', { name: '陈主任', mode: 'barge', state: 'joined' })
    const mine = { ...guest, state: 'joined' as const }
    await becomes({ ...standing, revision: 6, participants: [...standing.participants.slice(0, 2), boss, mine] })
    expect(shown.find('.chip.moved').text()).toBe('陈主任 (supervisor) joined the call')
    await becomes({ ...standing, revision: 7, participants: [...standing.participants.slice(0, 2), mine] })
    expect(shown.find('.chip.moved').text(), 'he may listen').toBe('陈主任 (supervisor) no longer talks with you')
  })

  test('watches and listens without any device, also where the browser gives none', async () => {
    const { shown, open, commands } = page(false)
    await open()
    expect(shown.text()).toContain('不是 https')
    expect(shown.text()).not.toContain('只用语音加入')
    await press(shown, '只看只听')
    expect(commands('call.join')).toHaveLength(1)
    expect(commands('call.set')).toEqual([])
  })

  test('hears that his link opens nothing: refused at the door, or taken back while he is there', async () => {
    const refused = page()
    await flushPromises()
    refused.hooks().refused(new Refusal('unauthenticated', 'over'))
    await flushPromises()
    await refused.clock.pass(60_000)
    await flushPromises()
    expect(refused.shown.text()).toContain('这个链接打不开通话')

    const revoked = page()
    await revoked.open()
    await press(revoked.shown, '打开摄像头加入')
    await press(revoked.shown, '加入通话')
    expect(revoked.tracks.map((track) => [track.kind, track.readyState])).toEqual([
      ['audio', 'live'],
      ['video', 'live'],
    ])
    revoked.hooks().event('session.ended', { code: 'session_revoked', message: 'over' })
    await flushPromises()
    expect(revoked.tracks.map((track) => track.readyState), 'nothing of his goes out').toEqual(['ended', 'ended'])
    expect(revoked.peers.at(-1)!.closed).toBe(true)
    expect(revoked.shown.text()).toContain('这个链接打不开通话')
  })

  test('reads it in his own language', async () => {
    speak(['fr', 'en-GB', 'zh'])
    const { shown, open } = page()
    await open()
    expect(shown.text()).toContain('You are shown as 仓库老李')
    speak(['fr', 'de'])
    expect(document.documentElement.lang).toBe('zh-CN')
  })
})

describe('the token of the link', () => {
  const url = (hash: string): URL => new URL(`https://desk.example/guest${hash}`)
  function kept(): Pick<Storage, 'getItem' | 'setItem'> & { seen: Map<string, string> } {
    const seen = new Map<string, string>()
    return { seen, getItem: (key) => seen.get(key) ?? null, setItem: (key, value) => void seen.set(key, value) }
  }

  test('leaves the address for the storage of this tab, where a reload finds it', () => {
    const storage = kept()
    const addresses: string[] = []
    expect(takeToken(url(`#${TOKEN}`), storage, (to) => addresses.push(to))).toBe(TOKEN)
    expect(addresses).toEqual(['/guest'])
    expect(takeToken(url(''), storage, (to) => addresses.push(to))).toBe(TOKEN)
    expect(addresses).toHaveLength(1)
  })

  test('stays where it is when storage is refused; what is none opens nothing', () => {
    const refuses = {
      getItem: () => null,
      setItem: () => {
        throw new Error('refused')
      },
    }
    const replace = vi.fn()
    expect(takeToken(url(`#${TOKEN}`), refuses, replace)).toBe(TOKEN)
    expect(takeToken(url(`#${TOKEN}`), null, replace)).toBe(TOKEN)
    expect(takeToken(url('#<script>'), kept(), replace)).toBeNull()
    expect(takeToken(url(''), kept(), replace)).toBeNull()
    expect(replace).not.toHaveBeenCalled()
  })
})
