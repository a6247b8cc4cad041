import { socketIoDial } from '@livedesk/protocol'
import { pageBrowser } from '@livedesk/protocol/CallClient.ts'
import { agentApi } from './api/http.ts'
import { makeConsole } from './app.ts'
import { armSounds } from './effects/sounds.ts'

armSounds()
makeConsole({ api: agentApi(), dial: socketIoDial(location.origin, '/agent'), browser: pageBrowser() }).mount('#app')
