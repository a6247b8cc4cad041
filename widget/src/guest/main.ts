import '@livedesk/protocol/tokens.css'
import './guest.css'
import { browserClock, socketIoDial } from '@livedesk/protocol'
import { GuestSocket } from '@livedesk/protocol/CallClient.ts'
import { createApp } from 'vue'
import GuestApp from './GuestApp.vue'
import { GuestCall } from './GuestCall.ts'
import { takeToken } from './token.ts'
import { speak } from './words.ts'

speak(navigator.languages)
const token = takeToken(new URL(location.href), pageStorage(), (address) => history.replaceState(null, '', address))
const socket = new GuestSocket(socketIoDial(location.origin, '/guest'), token ?? '', browserClock)
const guest = new GuestCall(socket)
createApp(GuestApp, { guest, known: token !== null }).mount('#app')
if (token !== null) guest.begin()

addEventListener('online', () => socket.nudge())
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') socket.nudge()
})

function pageStorage(): Storage | null {
  try {
    return sessionStorage
  } catch {
    return null
  }
}
