import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mount } from '@vue/test-utils'
import { Refusal, shotLists, type FileStored, type PublicEntry, type Shot, type ShotList } from '@livedesk/protocol'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { dice, ToyClock } from '../../protocol/typescript/test/toy.ts'
import { CallWorld } from '../../protocol/typescript/test/callWorld.ts'
import { closeCamera, openCamera } from '../src/capture/camera.ts'
import { doubtsOf, measure, type Pixels } from '../src/capture/measure.ts'
import { nextPlace, openPlaces } from '../src/capture/order.ts'
import type { Taken } from '../src/capture/picture.ts'
import CaptureView from '../src/capture/CaptureView.vue'
import { aimWords } from '../src/capture/words.ts'
import type { Desk } from '../src/desk.ts'
import { setLocale } from '../src/words.ts'
import { Uploads, type Carrier, type Fill } from '../src/capture/Uploads.ts'

/** A cup on a table: a photograph by Rachel Michetti (Pikolo Espresso Bar), CC0, made small and grey. */
function photograph(): Pixels {
  const file = readFileSync(join(import.meta.dirname, 'pictures/coffee.pgm'))
  const [, width, height] = /^P5\s(\d+) (\d+)\s255\s/.exec(file.subarray(0, 32).toString('latin1'))!.map(Number)
  return grey(width!, height!, file.subarray(file.length - width! * height!))
}

function grey(width: number, height: number, values: ArrayLike<number>): Pixels {
  const data = new Uint8ClampedArray(width * height * 4)
  for (let at = 0; at < width * height; at++) data.fill(values[at]!, at * 4, at * 4 + 3).fill(255, at * 4 + 3, at * 4 + 4)
  return { width, height, data }
}

const light = ({ width, height, data }: Pixels, change: (value: number) => number): Pixels =>
  grey(width, height, Array.from({ length: width * height }, (_, at) => change(data[at * 4]!)))

/** As a lens out of focus sees it: each pixel is the mean of those within `reach`. */
function outOfFocus({ width, height, data }: Pixels, reach: number): Pixels {
  return grey(
    width,
    height,
    Array.from({ length: width * height }, (_, at) => {
      const x = at % width
      const y = (at - x) / width
      let sum = 0
      let count = 0
      for (let dy = -reach; dy <= reach; dy++) {
        for (let dx = -reach; dx <= reach; dx++) {
          if (x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height) continue
          sum += data[(at + dy * width + dx) * 4]!
          count++
        }
      }
      return sum / count
    }),
  )
}

describe('what goes into the outline', () => {
  const FRAMES = ['tag', 'detail', 'whole', 'waybill'] as const

  test.each(FRAMES)('is what a shop calls its picture, whatever outline it borrows: %s', async (frame) => {
    onTestFinished(() => setLocale('zh-CN'))
    expect(aimWords({ label: '底部铭牌', frame })).toBe(frame === 'detail' ? '把「底部铭牌」放进圈里' : '把「底部铭牌」放进框里')
    await setLocale('en')
    expect(aimWords({ label: 'Name plate', frame })).toBe(frame === 'detail' ? 'Put “Name plate” into the circle' : 'Put “Name plate” into the frame')
  })

  test('has words of its own for the desk’s pictures, of either language', async () => {
    onTestFinished(() => setLocale('zh-CN'))
    expect(aimWords({ label: '瑕疵特写', frame: 'detail' })).toBe('把有问题的地方放进圈里')
    expect(aimWords({ label: 'Whole item' })).toBe('把整件商品放进框里')
    await setLocale('en')
    expect(aimWords({ label: '面单', frame: 'waybill' })).toBe('Put the waybill into the frame')
  })
})

describe('what is heard of the camera', () => {
  const hears = async (language: 'zh-CN' | 'en', shots: Shot[]) => {
    await setLocale(language)
    onTestFinished(() => setLocale('zh-CN'))
    const log = { id: 'c', state: 'open', entries: [of(1, 'card', { body: { card: 'shots', shots } })] }
    const desk = { options: { clock: new ToyClock(dice(3)) }, state: { log, shots: 1, firstShot: null, call: null, size: 'page', client: null } }
    const view = mount(CaptureView, { props: { desk: desk as unknown as Desk } })
    onTestFinished(() => view.unmount())
    return [view.find('.hearing').text(), view.find('.capture-strip button').attributes('aria-label')]
  }

  test('is joined as each language joins its sentences, with one stop after each', async () => {
    expect(await hears('zh-CN', [{ label: '底部铭牌', hint: '型号和序列号看得清。', frame: 'waybill' }])).toEqual([
      '第 1 张，共 1 张。底部铭牌。型号和序列号看得清。把「底部铭牌」放进框里。',
      '第 1 张，共 1 张：底部铭牌，待拍',
    ])
    expect(await hears('en', [{ label: 'Name plate', hint: 'Model readable' }])).toEqual([
      'Photo 1 of 1. Name plate. Model readable. Put “Name plate” into the frame.',
      'Photo 1 of 1: Name plate, To do',
    ])
  })
})

describe('the camera', () => {
  const asked: MediaStreamConstraints[] = []
  const tracks = (made: MediaStreamTrack[]) => Object.assign(new EventTarget(), { getVideoTracks: () => made, getTracks: () => made })

  beforeEach(() => {
    asked.length = 0
    vi.stubGlobal('MediaStream', function (made: MediaStreamTrack[]) {
      return tracks(made)
    })
    const track = { stop() {}, getCapabilities: () => ({ torch: true }) } as unknown as MediaStreamTrack
    const mediaDevices = {
      getUserMedia: async (wish: MediaStreamConstraints) => (asked.push(wish), tracks([track])),
      enumerateDevices: async () => [{ kind: 'videoinput' }, { kind: 'videoinput' }, { kind: 'audioinput' }],
    }
    vi.stubGlobal('navigator', { mediaDevices })
    return () => vi.unstubAllGlobals()
  })

  test('is opened, the rear one, without a microphone', async () => {
    expect(await openCamera('environment')).toMatchObject({ hasTorch: true, several: true })
    expect(asked).toMatchObject([{ audio: false, video: { facingMode: { ideal: 'environment' } } }])
  })

  test('of a call that is on is not opened a second time, and goes on after the viewfinder is shut', async () => {
    const world = new CallWorld()
    await world.client.devices.open({ camera: true })
    const { stream } = await openCamera('environment', world.client.devices)
    expect(asked).toEqual([])
    expect(world.tracks).toHaveLength(1)
    closeCamera(stream)
    expect(world.tracks[0]!.readyState).toBe('live')
  })

  test('of a call is turned round in the call, and the call shows the same', async () => {
    const world = new CallWorld()
    await world.client.devices.open({ camera: true })
    await openCamera('user', world.client.devices)
    expect(world.client.devices.state.facing).toBe('user')
    world.denies = 'NotReadableError'
    await expect(openCamera('environment', world.client.devices)).rejects.toBe('busy')
  })

  test('is its own in a call without a picture', async () => {
    const world = new CallWorld()
    await openCamera('environment', world.client.devices)
    expect(asked).toHaveLength(1)
  })
})

describe('what a picture’s pixels say', () => {
  test('a photograph in focus gives no doubt', () => {
    const measured = measure(photograph())
    expect(measured.blur).toBeLessThan(0.4)
    expect(doubtsOf(measured)).toEqual([])
  })

  test('the same one out of focus is told, and more so the further out it is', () => {
    const blurs = [0, 1, 2, 4].map((reach) => measure(outOfFocus(photograph(), reach)).blur)
    expect([...blurs].sort((a, b) => a - b)).toEqual(blurs)
    expect(doubtsOf(measure(outOfFocus(photograph(), 2)))).toEqual(['blurred'])
  })

  test('too little light is told alone, since in the dark nothing is sharp', () => {
    expect(doubtsOf(measure(light(outOfFocus(photograph(), 4), (value) => value * 0.2)))).toEqual(['dark'])
    expect(doubtsOf(measure(light(photograph(), (value) => value * 0.75)))).toEqual([])
  })

  test('too much light is told', () => {
    expect(doubtsOf(measure(light(photograph(), (value) => 215 + value * 0.4)))).toContain('bright')
    expect(doubtsOf(measure(light(photograph(), (value) => value * 1.2)))).toEqual([])
  })

  test('a covered lens is dark, and a picture of nothing breaks nothing', () => {
    expect(doubtsOf(measure(grey(64, 48, new Array(64 * 48).fill(3))))).toEqual(['dark'])
    expect(measure(grey(1, 1, [128])).blur).toBe(1)
    expect(measure(grey(0, 0, []))).toMatchObject({ mean: 0 })
  })
})

const of = (seq: number, kind: string, more: object): PublicEntry =>
  ({ seq, message_id: `m${seq}`, sender: { kind: 'agent' }, sent_at: seq, kind, ...more }) as PublicEntry
const asked = (...entries: PublicEntry[]): ShotList =>
  shotLists([of(1, 'card', { body: { card: 'shots', shots: ['吊牌', '特写', '整体', '面单'].map((label) => ({ label })) } }), ...entries])[0]!
const still = (seq: number, shot: number, file_id: string): PublicEntry => of(seq, 'still', { list_seq: 1, shot, label: 'x', file_id })

describe('the order in which the buyer is led', () => {
  test('from the first to the last, past what is sent, skipped or on its way', () => {
    const list = asked(still(2, 0, 'f0'), of(3, 'skipped', { list_seq: 1, shot: 1, label: 'x', reason: '没有' }))
    expect(openPlaces(list, new Set())).toEqual([2, 3])
    expect([nextPlace(list, new Set()), nextPlace(list, new Set([2]), 2), nextPlace(list, new Set([2, 3]), 3)]).toEqual([2, 3, null])
  })

  test('what was left out comes again at the end, and what the agent wants again comes too', () => {
    const list = asked(still(2, 0, 'f0'), of(3, 'retake', { list_seq: 1, shot: 0, label: 'x', note: '' }))
    expect(nextPlace(list, new Set([1, 2, 3]), 3)).toBe(0)
    // The new picture is on its way, though the log still wants it.
    expect(nextPlace(list, new Set([0, 1, 2, 3]), 0)).toBeNull()
  })
})

describe('pictures on their way', () => {
  const spot = (shot: number) => ({ conversation: 'c1', list: 1, shot })
  const taken = (url: string): Taken => ({ blob: new Blob([url]), url, doubts: [] })
  let given: string[]
  beforeEach(() => {
    given = []
    vi.spyOn(URL, 'revokeObjectURL').mockImplementation((url) => void given.push(String(url)))
  })

  function world() {
    const clock = new ToyClock(dice(3))
    const put: string[] = []
    const filled: Fill[] = []
    const unsent: number[] = []
    let ids = 0
    let refusals: Refusal[] = []
    const carrier: Carrier = {
      clock,
      newClientId: () => `id${++ids}`,
      put: (_, clientId, __, signal, progress) =>
        new Promise<FileStored>((resolve, reject) => {
          put.push(clientId)
          progress(0.5)
          signal.addEventListener('abort', () => reject(new Refusal('ended', '')))
          clock.after(100, () => {
            const refusal = refusals.shift()
            if (refusal) reject(refusal)
            else resolve({ file_id: `file of ${clientId}`, width: 1, height: 1, size: 1, sha256: '', stored_at: 0 })
          })
        }),
      fill: async (fill) => void filled.push(fill),
      links: async (ids) => ({ links: ids.map((file_id) => ({ file_id, url: `/files/${file_id}` })), expires_at: 0 }),
      changed: (count) => void unsent.push(count),
    }
    return { clock, put, filled, unsent, uploads: new Uploads(carrier), refuse: (...codes: string[]) => (refusals = codes.map((code) => new Refusal(code as 'offline', ''))) }
  }
  const states = (uploads: Uploads): string[] => uploads.state.all.map((one) => one.state)

  test('one after the other, in the order in which they were taken', async () => {
    const { clock, put, filled, unsent, uploads } = world()
    uploads.add(spot(0), taken('a'))
    uploads.add(spot(1), taken('b'))
    expect(put).toEqual(['id1'])
    expect(states(uploads)).toEqual(['sending', 'waiting'])
    await clock.pass(1_000)
    expect(states(uploads)).toEqual(['sent', 'sent'])
    expect(filled.map(({ shot, file_id, client_id }) => [shot, file_id, client_id])).toEqual([
      [0, 'file of id1', 'id2'],
      [1, 'file of id3', 'id4'],
    ])
    expect(unsent.at(-1)).toBe(0)
  })

  test('a broken line is tried again under the same client ids until the desk has it', async () => {
    const { clock, put, filled, uploads, refuse } = world()
    refuse('offline', 'retry', 'offline')
    uploads.add(spot(0), taken('a'))
    await clock.pass(200)
    expect(states(uploads)).toEqual(['held'])
    await clock.pass(30_000)
    expect(put).toEqual(['id1', 'id1', 'id1', 'id1'])
    expect(filled).toHaveLength(1)
  })

  test('a connection that comes back ends the pause', async () => {
    const { clock, put, uploads, refuse } = world()
    refuse('offline')
    uploads.add(spot(0), taken('a'))
    await clock.pass(150)
    uploads.wake()
    await clock.pass(1)
    expect(put).toHaveLength(2)
  })

  test('what trying again does not cure stands as failed, and the next one goes on', async () => {
    const { clock, filled, uploads, refuse } = world()
    refuse('not_a_picture')
    uploads.add(spot(0), taken('a'))
    uploads.add(spot(1), taken('b'))
    await clock.pass(1_000)
    expect(states(uploads)).toEqual(['failed', 'sent'])
    expect(uploads.at(spot(0))!.refusal!.code).toBe('not_a_picture')
    uploads.retry(uploads.at(spot(0))!.key)
    await clock.pass(1_000)
    expect(filled.map(({ shot }) => shot)).toEqual([1, 0])
  })

  test('a picture taken anew takes the place of the one on its way', async () => {
    const { clock, filled, uploads } = world()
    uploads.add(spot(0), taken('a'))
    uploads.add(spot(0), taken('b'))
    await clock.pass(1_000)
    expect(filled.map(({ file_id }) => file_id)).toEqual(['file of id3'])
    expect(given).toEqual(['a'])
  })

  test('what was sent is shown from memory, and another page’s asked for', async () => {
    const { clock, uploads } = world()
    uploads.add(spot(0), taken('blob:a'))
    await clock.pass(1_000)
    expect([await uploads.address('file of id1'), await uploads.address('f9')]).toEqual(['blob:a', '/files/f9'])
  })

  test('it is carried until the log shows it, and forgotten with the person', async () => {
    const { clock, uploads, unsent } = world()
    uploads.add(spot(0), taken('a'))
    await clock.pass(1_000)
    uploads.settle('c1', [asked()])
    expect(states(uploads)).toEqual(['sent'])
    uploads.settle('c1', [asked(still(2, 0, 'file of id1'))])
    expect(states(uploads)).toEqual([])
    uploads.add(spot(1), taken('b'))
    uploads.dropAll()
    expect(states(uploads)).toEqual([])
    expect(unsent.at(-1)).toBe(0)
    expect(given).toEqual(expect.arrayContaining(['a', 'b']))
  })
})
