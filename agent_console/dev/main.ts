/** The console on a stand-in desk: for drawing. `?scene=busy|empty|break|out|unreachable`. Not part of the build. */

import { makeConsole } from '../src/app.ts'
import { armSounds } from '../src/effects/sounds.ts'
import { busy, empty } from '../tests/standin/scenes.ts'

const scene = new URLSearchParams(location.search).get('scene') ?? 'busy'
const standIn = scene === 'empty' ? empty() : scene === 'break' ? empty(Date.now(), 'break') : busy()
if (scene === 'out') standIn.signedIn = null
if (scene === 'unreachable') standIn.reachable = false
Object.assign(window, { standIn })
armSounds()
makeConsole(standIn.world).mount('#app')
