import { Refusal, type BuyerSession, type BuyerSessionRequest } from '@livedesk/protocol'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { Session, type Kept } from '../src/session.ts'

const HOUR = 3_600_000

/** The desk's side of `/api/v1/buyer/session`, as the wire describes it. */
class Door {
  readonly asked: BuyerSessionRequest[] = []
  readonly ended: string[] = []
  refuse: Record<string, string> = {}
  now = 1_000_000_000_000
  private made = 0

  fetch = async (_path: string, init: RequestInit = {}): Promise<Response> => {
    if (init.method === 'DELETE') {
      this.ended.push(new Headers(init.headers).get('Authorization') ?? '')
      return Response.json({})
    }
    const request = JSON.parse(String(init.body)) as BuyerSessionRequest
    this.asked.push(request)
    const code = this.refuse[request.identity ?? request.code ?? 'visitor']
    if (code) return Response.json({ error: { code, message: code, data: {} } }, { status: 401 })
    const verified = Boolean(request.identity ?? request.code)
    const answer: BuyerSession = {
      token: `token-${++this.made}`,
      expires_at: this.now + HOUR / 2,
      buyer_id: verified ? `buyer-${request.identity ?? request.code}` : `visitor-${request.visitor ?? 'new'}`,
      verified,
      ...(verified || request.visitor ? {} : { visitor: 'secret-of-the-visitor' }),
    }
    return Response.json(answer, { headers: { Date: new Date(this.now).toUTCString() } })
  }
}

let door: Door
let now: number
let identities: (string | null)[]
let began: { next: Kept; carriedOn: boolean }[]
beforeEach(() => {
  localStorage.clear()
  door = new Door()
  now = door.now
  identities = []
  began = []
})

function session(options: { code?: string; must?: boolean; storage?: Storage | null } = {}): Session {
  return new Session({
    shop: 's1',
    fetch: door.fetch,
    now: () => now,
    storage: options.storage === undefined ? localStorage : options.storage,
    code: options.code ?? null,
    locale: () => 'zh-CN',
    identity: async () => identities.shift() ?? null,
    mustIdentify: () => options.must ?? false,
    began: (next, carriedOn) => began.push({ next, carriedOn }),
  })
}

describe('the session', () => {
  test('of a visitor is kept and used until it is over', async () => {
    expect(await session().token('connect')).toBe('token-1')
    expect(await session().token('connect')).toBe('token-1')
    now += HOUR
    door.now += HOUR
    expect(await session().token('connect')).toBe('token-2')
    expect(door.asked).toEqual([
      { shop: 's1', locale: 'zh-CN' },
      { shop: 's1', locale: 'zh-CN', visitor: 'secret-of-the-visitor' },
    ])
  })

  test('that the desk does not accept is begun anew', async () => {
    const one = session()
    await one.token('connect')
    expect(await one.token('renew')).toBe('token-2')
  })

  test('renewed over the socket is kept', async () => {
    const one = session()
    await one.token('connect')
    one.renewed('fresh', now + HOUR)
    expect(await session().token('connect')).toBe('fresh')
  })

  test('with a one-time code is the one of the code, whoever was here before', async () => {
    await session().token('connect')
    expect(await session({ code: 'c1' }).token('connect')).toBe('token-2')
    expect(door.asked[1]).toMatchObject({ code: 'c1' })
    expect(began[1]!.next.buyer_id).toBe('buyer-c1')
  })

  test('with a used code says so, and does not use it again', async () => {
    door.refuse = { c1: 'code_used' }
    const one = session({ code: 'c1' })
    await expect(one.token('connect')).rejects.toMatchObject({ code: 'code_used' })
    expect(await one.token('connect')).toBe('token-1')
    expect(door.asked[1]!.code).toBeUndefined()
  })

  test('asks the page once more when its identity has expired', async () => {
    door.refuse = { old: 'identity_expired' }
    identities = ['old', 'fresh']
    const one = session({ must: true })
    await one.token('connect')
    expect(one.current?.buyer_id).toBe('buyer-fresh')
  })

  test('does not ask for ever: the same expired identity again is a refusal', async () => {
    door.refuse = { old: 'identity_expired' }
    identities = ['old', 'old']
    await expect(session({ must: true }).token('connect')).rejects.toMatchObject({ code: 'identity_expired' })
    expect(door.asked).toHaveLength(1)
  })

  test('of a visitor who signs in goes on as the buyer, with what he wrote', async () => {
    const one = session()
    await one.token('connect')
    identities = ['anna']
    expect(await one.identify()).toBe(true)
    expect(door.asked[1]).toMatchObject({ identity: 'anna', visitor: 'secret-of-the-visitor' })
    expect(began.map(({ next, carriedOn }) => [next.buyer_id, carriedOn])).toEqual([
      ['visitor-new', true],
      ['buyer-anna', true],
    ])
  })

  test('of one buyer never becomes that of another with his words', async () => {
    identities = ['anna', 'bert']
    const one = session({ must: true })
    await one.token('connect')
    await one.identify()
    expect(began.map(({ next, carriedOn }) => [next.buyer_id, carriedOn])).toEqual([
      ['buyer-anna', true],
      ['buyer-bert', false],
    ])
  })

  test('kept from earlier is not taken for the one whom the page now names', async () => {
    identities = ['anna', 'bert']
    await session({ must: true }).token('connect')
    expect(await session({ must: true }).token('connect')).toBe('token-2')
    expect(began[1]).toMatchObject({ next: { buyer_id: 'buyer-bert' }, carriedOn: false })
  })

  test('of a known buyer that runs out is not silently replaced by a stranger', async () => {
    identities = ['anna']
    const one = session({ must: true })
    await one.token('connect')
    await expect(one.token('renew')).rejects.toMatchObject({ code: 'identity_expired' })
    expect(door.asked).toHaveLength(1)
  })

  test('of a known buyer that ran out long ago does not keep a visitor out', async () => {
    identities = ['anna']
    await session({ must: true }).token('connect')
    now += HOUR
    door.now += HOUR
    await session().token('connect')
    expect(began[1]).toMatchObject({ next: { buyer_id: 'visitor-new' }, carriedOn: false })
  })

  test('ends here and at the desk, and leaves nothing behind', async () => {
    const one = session()
    await one.token('connect')
    await one.end()
    expect(door.ended).toEqual(['Bearer token-1'])
    expect(localStorage.length).toBe(0)
    expect(one.current).toBeNull()
  })

  test('two who want a token at once get the same', async () => {
    const one = session()
    expect(await Promise.all([one.token('connect'), one.token('renew')])).toEqual(['token-1', 'token-1'])
  })

  test('without storage lives as long as the page', async () => {
    const one = session({ storage: null })
    await one.token('connect')
    expect(await one.token('reconnect')).toBe('token-1')
    expect(localStorage.length).toBe(0)
  })

  test('a clock that is an hour wrong neither ends it too soon nor keeps it too long', async () => {
    now = door.now + HOUR
    const one = session()
    await one.token('connect')
    expect(await one.token('reconnect')).toBe('token-1')
    expect(one.skew).toBe(-HOUR)
    now += HOUR / 2
    expect(await one.token('reconnect')).toBe('token-2')
  })

  test('a desk that cannot be reached is offline, one behind a broken proxy may be back in a moment', async () => {
    door.fetch = vi.fn().mockRejectedValueOnce(new TypeError('Failed to fetch')).mockResolvedValueOnce(new Response('<html>', { status: 502 }))
    await expect(session().token('connect')).rejects.toMatchObject({ code: 'offline' })
    await expect(session().token('connect')).rejects.toBeInstanceOf(Refusal)
  })
})
