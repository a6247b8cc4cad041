/** The whole console in a page of the test, on a stand-in desk. */

import { flushPromises } from '@vue/test-utils'
import { disposePinia, type Pinia } from 'pinia'
import type { App } from 'vue'
import { makeConsole } from '../../src/app.ts'
import type { StandIn } from './StandIn.ts'

const mounted: App[] = []

export async function mountOn(standIn: StandIn): Promise<HTMLElement> {
  localStorage.clear()
  location.hash = ''
  document.body.innerHTML = '<div id="app"></div>'
  const app = makeConsole(standIn.world)
  mounted.push(app)
  app.mount('#app')
  await seen(() => document.querySelector('.seat, form') !== null)
  return document.body
}

export function unmountAll(): void {
  for (const app of mounted.splice(0)) {
    app.unmount()
    disposePinia(app.config.globalProperties['$pinia'] as Pinia)
  }
}

/** Waits until the condition holds; fails with what the page says when it never does. */
export async function seen(condition: () => boolean, ms = 10_000): Promise<void> {
  const until = Date.now() + ms
  const holds = () => {
    try {
      return condition()
    } catch {
      // What it looks at is not there yet.
      return false
    }
  }
  while (!holds()) {
    if (Date.now() > until) throw new Error(`Not seen within ${ms} ms: ${condition.toString()}\n${document.body.textContent?.slice(0, 600)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await flushPromises()
  }
}

export const find = <E extends HTMLElement = HTMLElement>(selector: string): E => {
  const found = document.querySelector<E>(selector)
  if (found === null) throw new Error(`There is no ${selector}: ${document.body.textContent?.slice(0, 400)}`)
  return found
}

export const says = (text: string) => (document.body.textContent ?? '').includes(text)

export const row = (id: string) => find(`[data-conversation="${id}"]`)

export const composer = () => find<HTMLTextAreaElement>('[data-composer]')

export function write(text: string): void {
  composer().value = text
  composer().dispatchEvent(new Event('input', { bubbles: true }))
}

export function key(target: EventTarget, init: KeyboardEventInit & { keyCode?: number }): KeyboardEvent {
  const event = new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...init })
  if (init.keyCode !== undefined) Object.defineProperty(event, 'keyCode', { value: init.keyCode })
  target.dispatchEvent(event)
  return event
}

export const button = (text: string, within: ParentNode = document): HTMLButtonElement => {
  const found = [...within.querySelectorAll('button')].find((one) => one.textContent?.trim().startsWith(text))
  if (found === undefined) throw new Error(`There is no button "${text}".`)
  return found
}
