import { describe, expect, it } from 'vitest'
import { arrange, byDebt, mostUrgent, neighbour, rowsOf } from '../src/desk/order.ts'
import { snapshot, type DeskState } from '../src/desk/model.ts'
import { ME, theDesk, told } from './standin/scenes.ts'

const NOW = 1_800_000_000_000
const M = 60_000

function state(...rows: ReturnType<typeof told>[]): DeskState {
  const page = { conversations: rows.map((one) => one.row), more: false }
  const none = { conversations: [], more: false }
  return snapshot(theDesk(NOW), { mine: none, waiting: none, all: page }, NOW)
}

const owedFor = (id: string, ms: number | null, openedAgo = 10 * M) =>
  told({ id, buyer: id, now: NOW, openedAgo, says: ms === null ? [['a', M, '好']] : [['b', ms, '在吗']] })
const ids = (rows: { conversation_id: string }[]) => rows.map((row) => row.conversation_id)

describe('the tabs', () => {
  it('puts who is owed a reply longest first, then the newest of those owed nothing', () => {
    const all = state(owedFor('calm-old', null, 30 * M), owedFor('one', M), owedFor('three', 3 * M), owedFor('calm-new', null, 5 * M))
    expect(ids(rowsOf(all, 'mine'))).toEqual(['three', 'one', 'calm-new', 'calm-old'])
  })

  it('has the same order for any order of the same rows', () => {
    const rows = ['a', 'b', 'c', 'd'].map((id) => owedFor(id, 2 * M).row)
    const sorted = [...rows].sort(byDebt)
    expect([...rows].reverse().sort(byDebt)).toEqual(sorted)
  })

  it('shows in mine only what is open and owned by me', () => {
    const all = state(
      owedFor('mine', M),
      told({ id: 'closed', buyer: 'x', now: NOW, state: 'closed' }),
      told({ id: 'theirs', buyer: 'x', now: NOW, owner: 'p-zhou', ownerName: '周周' }),
      told({ id: 'nobody', buyer: 'x', now: NOW, owner: null }),
    )
    expect(ids(rowsOf(all, 'mine'))).toEqual(['mine'])
    expect(rowsOf(all, 'mine').every((row) => row.owner_id === ME)).toBe(true)
  })

  it('puts the longest wait first in waiting, offered ones included', () => {
    const all = state(
      told({ id: 'short', buyer: 'x', now: NOW, owner: null, waitingAgo: M }),
      told({ id: 'long', buyer: 'x', now: NOW, owner: null, line: 'offered', waitingAgo: 4 * M }),
      owedFor('mine', M),
    )
    expect(ids(rowsOf(all, 'waiting'))).toEqual(['long', 'short'])
  })

  it('puts the newest first in all, closed ones included, and keeps to the chosen shop', () => {
    const all = state(
      told({ id: 'old', buyer: 'x', now: NOW, state: 'closed', openedAgo: 60 * M }),
      told({ id: 'home', buyer: 'x', now: NOW, shop: 'qinghe', openedAgo: 2 * M }),
      told({ id: 'new', buyer: 'x', now: NOW, openedAgo: M }),
    )
    expect(ids(rowsOf(all, 'all'))).toEqual(['new', 'home', 'old'])
    expect(ids(rowsOf(all, 'all', 'qinghe'))).toEqual(['home'])
  })
})

describe('rows under the pointer or the selection', () => {
  it('follow the wanted order when nothing is held', () => {
    expect(arrange(['b', 'a'], ['a', 'b'], { frozen: false, selected: null })).toEqual(['b', 'a'])
  })

  it('do not move while the pointer is over the list', () => {
    expect(arrange(['c', 'b', 'a'], ['a', 'b', 'c'], { frozen: true, selected: null })).toEqual(['a', 'b', 'c'])
  })

  it('keep the place of one that left the tab, and add new ones at the end, while the pointer is there', () => {
    expect(arrange(['d', 'c', 'a'], ['a', 'b', 'c'], { frozen: true, selected: null })).toEqual(['a', 'b', 'c', 'd'])
  })

  it('fill an empty list even under the pointer', () => {
    expect(arrange(['a'], [], { frozen: true, selected: null })).toEqual(['a'])
  })

  it('hold the selected row where it is and put the others in order around it', () => {
    expect(arrange(['d', 'c', 'b', 'a'], ['a', 'b', 'c', 'd'], { frozen: false, selected: 'b' })).toEqual(['d', 'b', 'c', 'a'])
  })

  it('keep the selected row although it left the tab', () => {
    expect(arrange(['c', 'a'], ['a', 'b', 'c'], { frozen: false, selected: 'b' })).toEqual(['c', 'b', 'a'])
  })

  it('hold the last row last when rows before it go', () => {
    expect(arrange(['a'], ['a', 'b', 'c'], { frozen: false, selected: 'c' })).toEqual(['a', 'c'])
  })

  it('show a selection that was not in the list in its wanted place only', () => {
    expect(arrange(['a', 'b'], ['a', 'b'], { frozen: false, selected: 'x' })).toEqual(['a', 'b'])
  })
})

describe('going through the list', () => {
  it('steps down and up and stops at the ends', () => {
    expect(neighbour(['a', 'b', 'c'], 'a', 1)).toBe('b')
    expect(neighbour(['a', 'b', 'c'], 'a', -1)).toBe('a')
    expect(neighbour(['a', 'b', 'c'], 'c', 1)).toBe('c')
  })

  it('starts at an end when nothing is selected, and nowhere in an empty list', () => {
    expect(neighbour(['a', 'b'], null, 1)).toBe('a')
    expect(neighbour(['a', 'b'], null, -1)).toBe('b')
    expect(neighbour([], null, 1)).toBeNull()
  })

  it('jumps to who is owed longest, and on to the next when that one is open', () => {
    const all = state(owedFor('one', M), owedFor('three', 3 * M), owedFor('calm', null))
    expect(mostUrgent(all, null)).toBe('three')
    expect(mostUrgent(all, 'three')).toBe('one')
    expect(mostUrgent(state(owedFor('calm', null)), null)).toBeNull()
    expect(mostUrgent(state(owedFor('only', M)), 'only')).toBe('only')
  })
})
