/** Where one is: the desk (with the open conversation), the cases, the wall, the settings; everything else needs a sign-in. */

import { createRouter, createWebHashHistory, type Router } from 'vue-router'
import { useSession } from './stores/session.ts'
import CasesView from './views/CasesView.vue'
import DeskView from './views/DeskView.vue'
import SettingsView from './views/SettingsView.vue'
import ShellView from './views/ShellView.vue'
import SignInView from './views/SignInView.vue'
import WallView from './views/WallView.vue'

export function makeRouter(): Router {
  const router = createRouter({
    // By hash: the server hands out one page and needs no knowledge of these paths.
    history: createWebHashHistory(),
    routes: [
      { path: '/sign-in', name: 'sign-in', component: SignInView },
      {
        path: '/',
        component: ShellView,
        // All of it comes with the first load: a page that cannot be fetched is of no use when the server is away.
        children: [
          { path: '', name: 'desk', component: DeskView },
          { path: 'cases', name: 'cases', component: CasesView },
          { path: 'wall', name: 'wall', component: WallView },
          { path: 'settings', name: 'settings', component: SettingsView },
        ],
      },
      { path: '/:rest(.*)*', redirect: { name: 'desk' } },
    ],
  })
  router.beforeEach(async (to) => {
    const session = useSession()
    if (session.me === null && to.name !== 'sign-in') {
      // Without an answer one may be signed in or not: the sign-in page says which.
      const me = await session.look().catch(() => null)
      if (me === null) return { name: 'sign-in', query: to.fullPath === '/' ? {} : { to: to.fullPath } }
    }
    if (session.me !== null && to.name === 'sign-in') return { name: 'desk' }
    return true
  })
  return router
}
