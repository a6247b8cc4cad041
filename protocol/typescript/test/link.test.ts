import { describe, expect, test } from 'vitest'
import type { ConnectionHooks } from '../src/connection.ts'
import { ACK_TIMEOUT_MS, BACKOFF_MAX_MS, BACKOFF_MIN_MS, Link, PENALTY_MS, type TokenWish } from '../src/link.ts'
import { Refusal } from '../src/refusal.ts'
import { dice, ToyClock } from './toy.ts'

/** A link whose connections do what the test says. */
function rig(seed = 1) {
  const clock = new ToyClock(dice(seed))
  const dialled: { at: number; token: string; hooks: ConnectionHooks; closed: boolean; sent: ((a: unknown) => void)[] }[] = []
  const wishes: TokenWish[] = []
  let token: () => Promise<string> = async () => `token ${wishes.length}`
  const link = new Link(
    (given, hooks) => {
      const one = { at: clock.now(), token: given, hooks, closed: false, sent: [] as ((a: unknown) => void)[] }
      dialled.push(one)
      return { send: (_command, _payload, ack) => void one.sent.push(ack), close: () => void (one.closed = true) }
    },
    (wish) => {
      wishes.push(wish)
      return token()
    },
    clock,
    { changed: () => {}, event: () => {} },
  )
  return {
    clock,
    link,
    dialled,
    wishes,
    setToken: (to: () => Promise<string>) => void (token = to),
    last: () => dialled[dialled.length - 1]!,
    /** Lets time pass until the next attempt has been dialled, and not longer. */
    redial: async (): Promise<void> => {
      const before = dialled.length
      while (dialled.length === before) await clock.pass(5)
    },
  }
}

describe('the connection', () => {
  test('waits with full jitter between half a second and thirty', async () => {
    const { clock, link, dialled, last, redial } = rig(7)
    link.start()
    await clock.pass(0)
    for (let attempt = 0; attempt < 40; attempt++) {
      last().hooks.lost('unreachable')
      await redial()
    }
    const waits = dialled.slice(1).map((one, index) => one.at - dialled[index]!.at - 5)
    expect(dialled).toHaveLength(41)
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(BACKOFF_MIN_MS - 5)
    expect(Math.max(...waits)).toBeLessThanOrEqual(BACKOFF_MAX_MS)
    expect(new Set(waits.map((wait) => Math.round(wait))).size).toBeGreaterThan(20)
    link.stop()
  })

  test('comes back when the server that stops said so, spread by chance', async () => {
    const delays: number[] = []
    for (let seed = 0; seed < 20; seed++) {
      const { clock, link, dialled, last } = rig(seed)
      link.start()
      await clock.pass(0)
      last().hooks.opened()
      link.wait(4_000)
      const at = clock.now()
      last().hooks.lost('stopped')
      await clock.pass(30_000)
      delays.push(dialled[1]!.at - at)
      link.stop()
    }
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(4_000)
    expect(Math.max(...delays)).toBeLessThanOrEqual(8_000)
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(1_000)
  })

  test('is dialled anew at once when the network beneath it is another', async () => {
    const { clock, link, dialled, last, wishes } = rig()
    link.redial()
    expect(dialled).toHaveLength(0)
    link.start()
    await clock.pass(0)
    last().hooks.opened()
    const lost = link.request('chat.sync', {}).catch((refusal: Refusal) => refusal.code)
    link.redial()
    await clock.pass(0)
    expect(await lost).toBe('offline')
    expect(dialled.map((one) => one.closed)).toEqual([true, false])
    last().hooks.lost('unreachable')
    link.redial()
    await clock.pass(0)
    expect(dialled).toHaveLength(3)
    expect(wishes).toEqual(['connect', 'reconnect', 'reconnect'])
    link.stop()
  })

  test('asks for another token when the server does not accept the first', async () => {
    const { clock, link, wishes, last, redial } = rig()
    link.start()
    await clock.pass(0)
    last().hooks.refused(new Refusal('session_expired', 'over'))
    await redial()
    expect(wishes).toEqual(['connect', 'renew'])
    last().hooks.opened()
    expect(link.state).toMatchObject({ status: 'online', generation: 1, refusal: null })
    link.stop()
  })

  test('an answer that the session is over asks for another token and leaves the request unanswered', async () => {
    const { clock, link, wishes, last, redial } = rig()
    link.start()
    await clock.pass(0)
    last().hooks.opened()
    const request = link.request('chat.sync', {}).catch((refusal: Refusal) => refusal.code)
    last().sent[0]!({ ok: false, error: { code: 'session_expired', message: 'over', data: {} } })
    expect(await request).toBe('session_expired')
    await redial()
    expect(wishes).toEqual(['connect', 'renew'])
    link.stop()
  })

  test('stops at a refusal that trying again does not cure, and begins anew when told', async () => {
    const { clock, link, dialled, last } = rig()
    link.start()
    await clock.pass(0)
    last().hooks.refused(new Refusal('anonymous_refused', 'signed-in buyers only'))
    await clock.pass(10 * BACKOFF_MAX_MS)
    expect(dialled).toHaveLength(1)
    expect(link.state).toMatchObject({ status: 'refused', refusal: { code: 'anonymous_refused' } })
    link.start()
    await clock.pass(0)
    expect(dialled).toHaveLength(2)
    link.stop()
  })

  test('goes on asking for a token while the desk cannot be reached', async () => {
    const { clock, link, dialled, setToken, redial } = rig()
    setToken(() => Promise.reject(new TypeError('Failed to fetch')))
    link.start()
    await clock.pass(5_000)
    expect(link.state.status).toBe('waiting')
    setToken(async () => 'good')
    await redial()
    expect(dialled).toHaveLength(1)
    link.stop()
  })

  test('after being thrown out for misbehaving it stays away for a while', async () => {
    const { clock, link, dialled, last } = rig()
    link.start()
    await clock.pass(0)
    last().hooks.opened()
    link.ended(new Refusal('rate_limited', 'too fast'), true)
    await clock.pass(PENALTY_MS - 1)
    expect(dialled).toHaveLength(1)
    await clock.pass(PENALTY_MS + 1)
    expect(dialled).toHaveLength(2)
    link.stop()
  })

  test('a silent connection is taken for dead after two unanswered requests', async () => {
    const { clock, link, last } = rig()
    link.start()
    await clock.pass(0)
    last().hooks.opened()
    const dead = last()
    const codes: string[] = []
    for (let index = 0; index < 2; index++) link.request('chat.type', {}).catch((r: Refusal) => codes.push(r.code))
    await clock.pass(ACK_TIMEOUT_MS + 1)
    expect(codes).toEqual(['timeout', 'timeout'])
    expect(dead.closed).toBe(true)
    expect(link.state.status).toBe('waiting')
    link.stop()
  })

  test('what breaks with the connection is refused as offline, and stopping twice is harmless', async () => {
    const { clock, link, last } = rig()
    link.start()
    await clock.pass(0)
    last().hooks.opened()
    const request = link.request('chat.send', {}).catch((refusal: Refusal) => refusal.code)
    last().hooks.lost('transport close')
    expect(await request).toBe('offline')
    expect(link.state.offlineSince).toBe(clock.now())
    link.stop()
    link.stop()
    expect(link.state.status).toBe('stopped')
    await expect(link.request('chat.send', {})).rejects.toMatchObject({ code: 'offline' })
  })

  test('a device that wakes up does not sit out the wait', async () => {
    const { clock, link, dialled, last } = rig()
    link.start()
    await clock.pass(0)
    last().hooks.opened()
    link.wait(20_000)
    last().hooks.lost('asleep')
    await clock.pass(100)
    link.nudge()
    await clock.pass(0)
    expect(dialled).toHaveLength(2)
    link.stop()
  })
})
