import '@livedesk/protocol/tokens.css'
import './selftest.css'
import { createApp } from 'vue'
import { Selftest } from './Selftest.ts'
import SelftestApp from './SelftestApp.vue'
import { speak } from './words.ts'

speak(navigator.languages)
const selftest = new Selftest((path, init) => fetch(path, init))
createApp(SelftestApp, { selftest }).mount('#app')
void selftest.begin()

document.addEventListener('visibilitychange', () => selftest.showed(document.visibilityState === 'visible'))
