import '@livedesk/protocol/tokens.css'
import './styles/base.css'
import './styles/pill.css'
import './styles/sheet.css'
import './styles/controls.css'
import './styles/transcript.css'
import './styles/message.css'
import './styles/card.css'
import './styles/foot.css'
import './styles/history.css'
import './styles/notice.css'
import { browserClock } from '@livedesk/protocol'
import { createApp } from 'vue'
import App from './components/App.vue'
import { frameBridge, noBridge } from './bridge.ts'
import { Desk } from './desk.ts'
import { readStart, withoutSecrets } from './start.ts'

const start = readStart(new URL(location.href))
if (start.mode === 'page') history.replaceState(null, '', withoutSecrets(new URL(location.href)))

function storage(): Storage | null {
  try {
    localStorage.setItem('livedesk/probe', '1')
    localStorage.removeItem('livedesk/probe')
    return localStorage
  } catch {
    return null
  }
}

const desk = new Desk({
  // A frame that names no page around it, or is not in one, has nobody to speak to.
  start: start.mode === 'frame' && (start.parent === null || window.parent === window) ? { ...start, shop: '' } : start,
  bridge: start.parent !== null && window.parent !== window ? frameBridge(window, start.parent) : noBridge,
  fetch: (path, init) => fetch(path, init),
  clock: browserClock,
  storage: storage(),
  origin: location.origin,
})

document.documentElement.dataset['mode'] = start.mode
const app = createApp(App, { desk })
const begun = desk.begin()
// In a merchant's page nothing is shown yet; a page of its own first learns its language, but not for long.
const patience = start.mode === 'page' ? new Promise((resolve) => setTimeout(resolve, 400)) : null
void Promise.race([begun, patience]).then(() => app.mount('#app'))

addEventListener('online', () => desk.woke())
addEventListener('pageshow', (event) => {
  if (event.persisted) desk.woke()
})
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') desk.woke()
})
addEventListener('beforeunload', (event) => {
  if (desk.unsaved === 0) return
  event.preventDefault()
  event.returnValue = ''
})
