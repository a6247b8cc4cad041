import { start } from './loader.ts'

const script = document.currentScript ?? document.querySelector('script[data-shop][src*="/widget/livedesk."]')
if (script instanceof HTMLScriptElement && script.src) {
  // Loaded twice (two tags, a page that swaps its content): the first one stays in charge.
  const early = (window as { LiveDesk?: unknown }).LiveDesk
  if (!early || Array.isArray(early)) start(window, script)
} else console.error('LiveDesk: load it with a script tag, <script src=".../widget/livedesk.js" data-shop="...">')
