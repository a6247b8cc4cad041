/** The live room: the stream in step with the session, what is said in it, the bag, and the way to the desk. */
import { ask, attachPlayer, connectDesk, hideToast, lang, money, onDesk, point, signIn, speak, title, toast, word } from './shop.js'

const COMMENTS_KEPT = 40
const CAPTION_MS = 7_000
/** A promise stands alone this long; the host says it once more in other words right after. */
const PROMISE_MS = 2_500
/** A stream this far from the session's clock is moved; less is not seen. */
const DRIFT_S = 0.6
const ORDER_IS_NEWS_MS = 10 * 60_000

const $ = (id) => document.getElementById(id)
const still = matchMedia('(prefers-reduced-motion: reduce)')
const video = $('stream')
let room
let skew = 0
let now
let explaining = null
let ordered = null
let held = null

/** Where the session is, in ms since its start, by the shop's clock. */
const position = () => Math.max(0, Date.now() + skew - room.session.started_at)
const product = (id) => room.products.find((one) => one.id === id)
const icon = (button, name) => button.querySelector('use').setAttribute('href', '#i-' + name)

function make(tag, text, className) {
  const node = document.createElement(tag)
  if (text) node.textContent = text
  if (className) node.className = className
  return node
}

/* The stream */

function align() {
  if (!video.duration || video.paused) return
  const wanted = (position() / 1000) % video.duration
  const off = Math.abs(video.currentTime - wanted)
  if (Math.min(off, video.duration - off) > DRIFT_S) video.currentTime = wanted
}

function showPlaying() {
  icon($('pause'), video.paused ? 'play' : 'pause')
  $('pause').setAttribute('aria-label', word(video.paused ? 'playStream' : 'pauseStream'))
  $('play').hidden = !video.paused
}

function startStream() {
  for (const name of ['play', 'pause']) video.addEventListener(name, showPlaying)
  for (const name of ['loadedmetadata', 'playing']) video.addEventListener(name, align)
  document.addEventListener('visibilitychange', align)
  setInterval(align, 8_000)
  $('play').onclick = () => video.play()
  $('pause').onclick = () => (video.paused ? video.play() : video.pause())
  $('sound').onclick = () => {
    video.muted = !video.muted
    icon($('sound'), video.muted ? 'mute' : 'sound')
    $('sound').querySelector('span').textContent = word(video.muted ? 'soundOn' : 'soundOff')
  }
  // Who asked for less motion starts the stream himself.
  if (still.matches) showPlaying()
  else video.play().catch(showPlaying)
}

/* What is said */

function addComment(entry, isNew = true) {
  const list = $('comments')
  if (held) {
    held.push(entry)
    held.splice(0, held.length - COMMENTS_KEPT)
    return showHeld()
  }
  const line = make('li', '', (isNew ? 'new ' : '') + (entry.own ? 'own' : ''))
  line.append(make('b', entry.by), entry.text)
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40
  list.append(line)
  while (list.children.length > COMMENTS_KEPT) list.firstChild.remove()
  if (atEnd) list.scrollTop = list.scrollHeight
}

function showHeld() {
  const button = $('hold')
  const count = held?.length ?? 0
  icon(button, held ? 'play' : 'pause')
  button.setAttribute('aria-pressed', String(held !== null))
  button.setAttribute('aria-label', held ? word('resumeComments', { count }) : word('holdComments'))
  button.classList.toggle('counting', count > 0)
  button.querySelector('span')?.remove()
  if (count) button.append(make('span', '+' + count))
}

$('hold').onclick = () => {
  const waiting = held
  held = held ? null : []
  waiting?.forEach((entry) => addComment(entry))
  showHeld()
}

let quiet
let promised = 0
function showCaption(entry) {
  const caption = $('caption')
  const promise = entry.kind === 'promise'
  if (promise) promised = Date.now()
  else if (Date.now() - promised < PROMISE_MS) return
  caption.className = 'caption' + (promise ? ' promise' : '')
  caption.querySelector('b').textContent = promise ? word('promise') : entry.by
  caption.querySelector('span').textContent = entry.text
  caption.hidden = false
  clearTimeout(quiet)
  quiet = setTimeout(() => (caption.hidden = true), CAPTION_MS)
}

/** The product last explained stays on the card; the mark says whether it is being explained now. */
function showExplained(id) {
  const card = $('explained')
  card.classList.toggle('over', !id)
  for (const row of document.querySelectorAll('#goods li')) row.querySelector('.on-air').hidden = row.dataset.id !== id
  const one = product(id)
  if (!one) return
  explaining = id
  card.hidden = false
  card.querySelector('img').src = one.picture
  // The card has room for the name; what follows the point is in the bag.
  card.querySelector('.title').textContent = title(one).split(' · ')[0]
  card.querySelector('strong').textContent = money(one.price)
  card.querySelector('s').textContent = one.before ? money(one.before) : ''
  card.querySelector('.buy').onclick = (event) => buy(one, event.currentTarget)
}

function hear(told, isNew) {
  for (const entry of told.entries) {
    if (entry.kind === 'comment') addComment(entry, isNew)
    else if (isNew) showCaption(entry)
  }
  if (told.explaining !== now) showExplained((now = told.explaining))
  $('host').textContent = told.host ? word('host', { name: told.host }) : ''
  $('viewers').hidden = false
  $('viewers').querySelector('b').textContent = told.viewers.toLocaleString(lang)
}

function listen() {
  let first = true
  // The browser comes back by itself, with the number of the last entry it saw.
  const feed = new EventSource('/feed')
  feed.onmessage = (event) => {
    const told = JSON.parse(event.data)
    // Another session: the shop was started anew, with another clock.
    if (told.session !== room.session.id) return location.reload()
    hear(told, !first && !still.matches)
    first = false
  }
}

$('say').onsubmit = async (event) => {
  event.preventDefault()
  const field = $('say').elements.text
  const text = field.value.trim()
  if (!text) return
  try {
    await ask('/comments', { text })
    field.value = ''
  } catch (fault) {
    toast(word('failed', { why: fault.message }))
  }
}
// Enter that ends a composition chooses a word, it does not send.
$('say').elements.text.onkeydown = (event) => {
  if (event.key === 'Enter' && (event.isComposing || event.keyCode === 229)) event.preventDefault()
}

/* The bag and the account */

async function buy(one, button) {
  if (!room.buyer) return openSheet('account-sheet', word('signInFirst', { name: room.account.name }))
  const label = button.textContent
  button.disabled = true
  button.textContent = word('buying')
  try {
    const order = await ask('/orders', { product: one.id, request: crypto.randomUUID() })
    ordered = { id: order.id, product: one.id, at: Date.now() }
    closeSheet()
    toast(word('ordered', { order: order.id }), word('seeOrders'))
  } catch (fault) {
    closeSheet()
    toast(word('failed', { why: fault.message }))
  }
  button.disabled = false
  button.textContent = label
}

function fillBag() {
  $('bag-count').textContent = room.products.length
  for (const one of room.products) {
    const row = make('li')
    row.dataset.id = one.id
    const picture = Object.assign(make('img'), { src: one.picture, alt: '', width: 88, height: 88 })
    const facts = make('div')
    const onAir = make('span', word('explaining'), 'on-air')
    onAir.hidden = true
    const shown = make('div', '', 'shown')
    shown.append(picture, onAir)
    const foot = make('div', '', 'foot')
    const price = make('p', '', 'price')
    price.append(make('strong', money(one.price)), make('s', one.before ? money(one.before) : ''))
    const button = make('button', word('buy'), 'button')
    button.type = 'button'
    button.onclick = () => buy(one, button)
    foot.append(price, button)
    facts.append(make('h3', title(one)), make('p', point(one), 'point'), foot)
    row.append(shown, facts)
    $('goods').append(row)
  }
}

function showAccount() {
  const { buyer, account } = room
  $('account').querySelector('span').textContent = buyer ? buyer.name : word('visitor')
  $('account-title').textContent = buyer ? word('signedInAs', { name: buyer.name }) : word('asVisitor')
  $('account-more').textContent = word(buyer ? 'signedInMore' : 'asVisitorMore')
  $('switch').textContent = buyer ? word('signOut') : word('signIn', { name: account.name })
  $('switch').classList.toggle('quiet', Boolean(buyer))
}

$('switch').onclick = async () => {
  try {
    room.buyer = await signIn(!room.buyer)
    ordered = null
    showAccount()
    closeSheet()
  } catch (fault) {
    closeSheet()
    toast(word('failed', { why: fault.message }))
  }
}

let opener
function openSheet(id, more) {
  opener = document.activeElement
  closeSheet(false)
  hideToast()
  showAccount()
  if (more) $('account-more').textContent = more
  $(id).hidden = $('scrim').hidden = false
  document.querySelector('.deck').inert = true
  $(id).focus()
}

function closeSheet(giveBack = true) {
  const wasOpen = !$('scrim').hidden
  for (const sheet of document.querySelectorAll('.sheet')) sheet.hidden = true
  $('scrim').hidden = true
  document.querySelector('.deck').inert = false
  if (wasOpen && giveBack) opener?.focus()
}

$('bag').onclick = () => openSheet('bag-sheet')
$('account').onclick = () => openSheet('account-sheet')
$('scrim').onclick = () => closeSheet()
for (const button of document.querySelectorAll('.close')) button.onclick = () => closeSheet()
document.addEventListener('keydown', (event) => event.key === 'Escape' && closeSheet())

/* The desk */

/** Where the buyer stands when he taps 客服: at the order he has just placed, else at what is being explained. */
function place() {
  const here = { liveSession: room.session.id, positionMs: Math.round(position()) }
  const isNews = ordered && Date.now() - ordered.at < ORDER_IS_NEWS_MS
  if (isNews) return { ...here, product: ordered.product, order: ordered.id }
  return explaining ? { ...here, product: explaining } : here
}

function showUnread(count) {
  $('unread').hidden = !count
  $('unread').textContent = count > 99 ? '99+' : count
  $('service').setAttribute('aria-label', count ? word('serviceUnread', { count }) : word('service'))
}

speak('roomTitle')
const asked = Date.now()
room = await ask('/room')
skew = room.now - (asked + Date.now()) / 2
connectDesk(room.buyer, place)
attachPlayer(video)
onDesk('unread', showUnread)
fillBag()
showAccount()
startStream()
listen()
