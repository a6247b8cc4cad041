/** What the console stands on, handed in once: the real server in the build, stand-ins in tests. */

import type { Dial } from '@livedesk/protocol'
import type { CallBrowser } from '@livedesk/protocol/CallClient.ts'
import { inject, type InjectionKey } from 'vue'
import type { AgentApi } from '../api/http.ts'

export interface World {
  readonly api: AgentApi
  readonly dial: Dial
  /** What calls need of the browser. */
  readonly browser: CallBrowser
}

export const WORLD: InjectionKey<World> = Symbol('world')

export function useWorld(): World {
  const world = inject(WORLD)
  if (world === undefined) throw new Error('The console was started without a world.')
  return world
}
