/** The console on a stand-in desk: for drawing. `?scene=busy|empty|break|out|unreachable|ring|call|wall`. Not part of the build. */

import { makeConsole } from '../src/app.ts'
import { armSounds } from '../src/effects/sounds.ts'
import { aCall, callBrowser, participant, ringing } from '../tests/standin/calls.ts'
import { painted } from '../tests/standin/painted.ts'
import { busy, empty } from '../tests/standin/scenes.ts'

const scene = new URLSearchParams(location.search).get('scene') ?? 'busy'
const standIn = scene === 'empty' ? empty() : scene === 'break' ? empty(Date.now(), 'break') : busy()
if (scene === 'out') standIn.signedIn = null
if (scene === 'unreachable') standIn.reachable = false
standIn.browser = callBrowser(painted)
if (scene === 'ring' || scene === 'call') setTimeout(() => standIn.calling.tell('call.rang', ringing(), 'agent-1'), 1_500)
if (scene === 'wall') {
  const people = [participant('buyer', { name: '郑爽朗' }), participant('agent', { name: '周周', participant_id: 'agent-9' })]
  standIn.calling.calls.set('call-9', aCall({ call_id: 'call-9', conversation_id: 'c-zheng', participants: people, recording: { state: 'on', code: null } }))
}
Object.assign(window, { standIn })
armSounds()
makeConsole(standIn.world).mount('#app')
