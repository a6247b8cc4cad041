/** Puts the console together on a world: the real one in `main.ts`, a stand-in for tests and for drawing. */

import { createPinia } from 'pinia'
import { createApp, type App as VueApp } from 'vue'
import App from './App.vue'
import { i18n } from './i18n/index.ts'
import { makeRouter } from './router.ts'
import { WORLD, type World } from './stores/world.ts'
import '@livedesk/protocol/tokens.css'
import './styles/base.css'
import './styles/element.css'

export function makeConsole(world: World): VueApp {
  const app = createApp(App)
  app.provide(WORLD, world)
  app.use(createPinia())
  app.use(i18n)
  app.use(makeRouter())
  return app
}
