import type { Call, Participant } from '@livedesk/protocol'
import type { Figures } from '@livedesk/protocol/CallClient.ts'
import { describe, expect, it } from 'vitest'
import { lasted, overPhrase, percent, recordingWord, secondsUntil, the, trouble, unasked } from '../src/desk/calls.ts'
import { i18n } from '../src/i18n/index.ts'
import { aCall, participant } from './standin/calls.ts'
import { wireSchema } from './standin/repository.ts'

const agent = (change: Partial<Participant> = {}) => participant('agent', change)
const buyer = (change: Partial<Participant> = {}) => participant('buyer', change)

describe('the recording in a word', () => {
  const said = (recording: Call['recording'], own: Participant['consent'], state: Call['state'] = 'connected') =>
    recordingWord(aCall({ state, recording, participants: [buyer(), agent({ consent: own })] }), 'agent-1')

  it('says whether it runs, whose word is missing, and why it does not', () => {
    expect(said({ state: 'on' }, 'granted')).toBe('on')
    expect(said({ state: 'off', code: 'unasked' }, 'unasked')).toBe('ask')
    expect(said({ state: 'off', code: 'unasked' }, 'granted')).toBe('waits')
    expect(said({ state: 'paused', code: 'withdrawn' }, 'granted')).toBe('withdrawn')
    expect(said({ state: 'off', code: 'refused' }, 'granted')).toBe('refused')
    expect(said({ state: 'stopped', code: 'disk_full' }, 'granted')).toBe('failed')
    expect(said({ state: 'off', code: 'unasked' }, 'unasked', 'answered')).toBe('off')
  })

  it('asks nobody who is only listening', () => {
    const call = aCall({ recording: { state: 'off', code: 'unasked' }, participants: [buyer(), agent({ consent: 'granted' }), participant('supervisor', { mode: 'listener' })] })
    expect(recordingWord(call, 'supervisor-1')).toBe('waits')
  })
})

describe('whose word on the recording is missing', () => {
  it('are those who are there, are heard by all and have not said', () => {
    const people = [buyer({ consent: 'granted' }), agent(), participant('supervisor', { mode: 'whisper' }), participant('guest', { name: '仓库老李' })]
    const named = (me: string | null, mode: Participant['mode'] = 'whisper') =>
      unasked(aCall({ participants: people.map((one) => (one.role === 'supervisor' ? { ...one, mode } : one)) }), me).map((one) => one.role)
    expect(named('agent-1')).toEqual(['guest'])
    expect(named('supervisor-1')).toEqual(['agent', 'guest'])
    expect(named('agent-1', 'barge')).toEqual(['supervisor', 'guest'])
    const away = (state: Participant['state']) => unasked(aCall({ participants: [buyer({ state }), agent()] }), 'agent-1').length
    expect([away('left'), away('invited'), away('joined'), away('reconnecting')], 'who has not come is asked nothing').toEqual([0, 0, 1, 1])
  })
})

describe('why a call is over', () => {
  const { t } = i18n.global

  it('names who declined: it is who was called', () => {
    expect(overPhrase(null, 'buyer')).toBeNull()
    expect(t(overPhrase('declined', 'agent')!, 1, { locale: 'zh-CN' })).toBe('买家拒绝了通话')
    expect(t(overPhrase('declined', 'buyer')!, 1, { locale: 'zh-CN' })).toBe('客服暂不接听')
    expect(t(overPhrase('declined', 'agent')!, 1, { locale: 'en' })).toBe('The buyer declined')
    expect(t(overPhrase('declined', 'buyer')!, 1, { locale: 'en' })).toBe('The agent declined')
  })

  it('has a sentence whatever the desk says', () => {
    const { anyOf } = wireSchema().$defs['Call']!.properties!['reason'] as { anyOf: { enum?: NonNullable<Call['reason']>[] }[] }
    const reasons = anyOf.flatMap((one) => one.enum ?? [])
    expect(reasons.length).toBeGreaterThan(5)
    for (const reason of reasons)
      for (const side of ['buyer', 'agent'] as const) expect(i18n.global.te(overPhrase(reason, side)!), reason).toBe(true)
  })
})

describe('time and quality', () => {
  it('count from the first media to the end', () => {
    expect(lasted(aCall({ connected_at: null }), 9_000)).toBeNull()
    expect(lasted(aCall({ connected_at: 1_000 }), 9_000)).toBe(8_000)
    expect(lasted(aCall({ connected_at: 1_000, ended_at: 5_000 }), 9_000)).toBe(4_000)
    expect([secondsUntil(1_001, 0), secondsUntil(1_000, 0), secondsUntil(0, 9_000)]).toEqual([2, 1, 0])
  })

  it('name what a person notices, the worst first', () => {
    const flow = { kbps: 900, loss: 0, jitter_ms: 4, fps: 24, width: 640, height: 480, freezes: 0, frozen_ms: 0 }
    const fine: Figures = { roundTripMs: 30, sent: flow, received: flow, availableKbps: null, sentFrames: 24, silent: false }
    const of = (change: Partial<typeof flow>, round = 30) => trouble({ ...fine, roundTripMs: round, received: { ...flow, ...change } })
    expect(trouble(fine)).toBeNull()
    expect(of({ loss: 0.031 }, 900)).toEqual({ what: 'loss', percent: 3 })
    expect(of({}, 301)).toEqual({ what: 'delay', ms: 301 })
    expect(of({ jitter_ms: 60 })).toEqual({ what: 'jitter', ms: 60 })
    expect(of({ frozen_ms: 201 })).toEqual({ what: 'frozen' })
    expect(of({ kbps: 199 })).toEqual({ what: 'slow', kbps: 199 })
    expect(of({ kbps: 40, fps: 0 })).toBeNull()
    expect([percent(0), percent(0.001), percent(0.126)]).toEqual([0, 1, 13])
  })

  it('know who is there of a role', () => {
    const call = aCall({ participants: [buyer(), agent({ state: 'left' }), agent({ participant_id: 'agent-2' })] })
    expect(the(call, 'agent')?.participant_id).toBe('agent-2')
    expect(the(call, 'guest')).toBeNull()
  })
})
