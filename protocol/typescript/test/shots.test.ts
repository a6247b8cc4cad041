import { expect, test } from 'vitest'
import { FileAddresses, LINK_USED_MS } from '../src/FileAddresses.ts'
import { nextShot, shotLists } from '../src/shots.ts'
import type { PublicEntry } from '../src/wire.ts'

const base = (seq: number, kind: 'buyer' | 'agent') => ({ seq, message_id: `m${seq}`, sender: { kind }, sent_at: seq })
const list = (seq: number, labels: string[]): PublicEntry =>
  ({ ...base(seq, 'agent'), kind: 'card', body: { card: 'shots', shots: labels.map((label) => ({ label })) } }) as PublicEntry
const of = (seq: number, kind: 'still' | 'skipped' | 'retake', list_seq: number, shot: number, more = {}): PublicEntry =>
  ({ ...base(seq, 'buyer'), kind, list_seq, shot, label: 'x', ...more }) as PublicEntry

test('how far a list is follows from the log', () => {
  const entries = [
    list(1, ['吊牌', '特写', '整体']),
    of(2, 'still', 1, 0, { file_id: 'f1' }),
    of(3, 'skipped', 1, 1, { reason: '没有' }),
    of(4, 'retake', 1, 0, { note: '再近一点' }),
  ]
  const [found] = shotLists(entries)
  expect(found!.shots.map((shot) => shot.state)).toEqual(['again', 'skipped', 'wanted'])
  expect(found!.shots[0]).toMatchObject({ note: '再近一点', still: { file_id: 'f1' } })
  expect(found!.shots[1]!.reason).toBe('没有')
  expect([nextShot(found!), nextShot(found!, 0), nextShot(found!, 2)]).toEqual([0, 2, 0])
  const done = shotLists([...entries, of(5, 'still', 1, 0, { file_id: 'f2' }), of(6, 'still', 1, 2, { file_id: 'f3' })])[0]!
  expect(done.shots[0]).toMatchObject({ state: 'filled', note: null, still: { file_id: 'f2' } })
  expect(nextShot(done)).toBeNull()
})

test('a recalled list is none, and what names no list changes nothing', () => {
  const recalled = { ...list(1, ['吊牌']), body: null, recalled: true } as PublicEntry
  expect(shotLists([recalled, of(2, 'still', 1, 0), of(3, 'still', 9, 0)])).toEqual([])
  expect(shotLists([list(1, ['吊牌']), of(2, 'still', 1, 7)])[0]!.shots[0]!.state).toBe('wanted')
})

test('addresses are asked for together, kept while they are good, and asked for anew', async () => {
  let now = 0
  const asked: string[][] = []
  const links = new FileAddresses(
    (ids) => {
      asked.push(ids)
      return Promise.resolve({ links: ids.map((file_id) => ({ file_id, url: `/files/${file_id}?${asked.length}` })), expires_at: 0 })
    },
    { now: () => now } as never,
  )
  expect(await Promise.all(['a', 'b', 'a'].map((id) => links.urlOf(id)))).toEqual(['/files/a?1', '/files/b?1', '/files/a?1'])
  expect(asked).toEqual([['a', 'b']])
  links.forget('a')
  expect(await links.urlOf('a')).toBe('/files/a?2')
  now = LINK_USED_MS
  expect(await links.urlOf('b')).toBe('/files/b?3')
})

test('more than one call may name are asked for in several', async () => {
  const asked: number[] = []
  const links = new FileAddresses(
    (ids) => (asked.push(ids.length), Promise.resolve({ links: ids.map((file_id) => ({ file_id, url: file_id })), expires_at: 0 })),
    { now: () => 0 } as never,
  )
  await Promise.all(Array.from({ length: 51 }, (_, index) => links.urlOf(`f${index}`)))
  expect(asked).toEqual([50, 1])
})

test('a refusal is told, and not kept', async () => {
  let fails = true
  const links = new FileAddresses(
    (ids) => (fails ? Promise.reject(new Error('no')) : Promise.resolve({ links: [{ file_id: ids[0]!, url: 'u' }], expires_at: 0 })),
    { now: () => 0 } as never,
  )
  await expect(links.urlOf('a')).rejects.toThrow('no')
  fails = false
  expect(await links.urlOf('a')).toBe('u')
})
