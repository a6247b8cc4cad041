/** What both pages of the shop share: language, the shop's server, who is signed in, and the desk's widget. */
import { WORDS } from './words.js'

export const lang = new URLSearchParams(location.search).get('lang') === 'en' ? 'en' : 'zh-CN'

export function word(name, values = {}) {
  return WORDS[lang][name].replace(/\{(\w+)\}/g, (_, key) => values[key])
}

/** What the pages say of a product: in its own words, or in those of the chosen language. */
export const title = (product) => WORDS[lang].products[product.id]?.title ?? product.title
export const point = (product) => WORDS[lang].products[product.id]?.point ?? ''

export const money = (cents) => '¥' + (cents / 100).toFixed(cents % 100 ? 2 : 0)

/** Puts the words of the chosen language into the page. */
export function speak(title) {
  document.documentElement.lang = lang
  document.title = word(title)
  for (const one of document.querySelectorAll('[data-word]')) one.textContent = word(one.dataset.word)
  for (const one of document.querySelectorAll('[data-word-label]')) one.setAttribute('aria-label', word(one.dataset.wordLabel))
  for (const one of document.querySelectorAll('[data-word-hint]')) one.placeholder = word(one.dataset.wordHint)
  for (const one of document.querySelectorAll('[data-keep-lang]')) if (lang === 'en') one.href += '?lang=en'
  for (const one of document.querySelectorAll('[data-other-lang]')) {
    one.textContent = word('otherLang')
    one.lang = lang === 'en' ? 'zh-CN' : 'en'
    one.href = lang === 'en' ? location.pathname : '?lang=en'
  }
}

/** Asks the shop's own server; throws an Error with a sentence for the buyer. */
export async function ask(path, body) {
  let answer
  try {
    answer = await fetch(path, body && { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
  } catch {
    throw new Error(word('offline'))
  }
  const said = await answer.json().catch(() => ({}))
  if (!answer.ok) throw new Error(word(said.error in WORDS[lang] ? said.error : 'offline'))
  return said
}

/** Calls made before the widget's script has run wait in an array. */
const desk = (...call) => (window.LiveDesk ??= []).push(call)
const identity = async () => (await ask('/identity')).token

/** Connects the widget with the shop: who is signed in, and where he stands when he taps 客服. */
export function connectDesk(buyer, place) {
  desk('setLocale', lang)
  desk('setPlace', place)
  if (buyer) desk('setIdentity', identity)
}

export const openDesk = (place) => desk('open', place)
/** During a call the desk turns the stream down. */
export const attachPlayer = (video) => desk('attachPlayer', video)
export const onDesk = (name, listener) => desk('on', name, listener)

/** Signs in or out with the shop and with the desk; answers the buyer, null for a visitor. */
export async function signIn(yes) {
  const { buyer } = await ask('/sign-in', { signed_in: yes })
  if (buyer) desk('setIdentity', identity)
  else desk('logout')
  return buyer
}

export const hideToast = () => (document.getElementById('toast').hidden = true)

let hiding
/** One sentence at the foot of the page, with or without a link, for six seconds. */
export function toast(text, link) {
  const box = document.getElementById('toast')
  box.querySelector('span').textContent = text
  const a = box.querySelector('a')
  a.hidden = !link
  a.textContent = link ?? ''
  box.hidden = false
  clearTimeout(hiding)
  hiding = setTimeout(hideToast, 6_000)
}
