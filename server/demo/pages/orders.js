/** The order page: each order leads to the desk, on this page or on the desk's own. */
import { ask, connectDesk, lang, money, openDesk, signIn, speak, title, toast, word } from './shop.js'

const $ = (id) => document.getElementById(id)
const time = new Intl.DateTimeFormat(lang, { month: 'long', day: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false })

function row(order) {
  const card = $('order').content.cloneNode(true)
  const find = (selector) => card.querySelector(selector)
  find('.number').textContent = word('orderNumber', { order: order.id })
  find('.status').textContent = word(order.status)
  find('img').src = order.product.picture
  find('h2').textContent = title(order.product)
  find('.sku').textContent = order.sku
  find('.placed').textContent = time.format(order.placed_at)
  find('.price strong').textContent = money(order.price)
  find('.price span').textContent = word('quantity', { count: 1 })
  const link = find('footer a')
  link.textContent = word('contactPage')
  link.href = '/orders/' + order.id + '/contact?lang=' + lang
  const button = find('footer button')
  button.textContent = word('contact')
  button.onclick = () => openDesk({ order: order.id, product: order.product.id })
  return card
}

function show({ buyer, account, orders }) {
  $('list').replaceChildren(...orders.map(row))
  $('list').removeAttribute('aria-busy')
  $('hint').hidden = !orders.length
  $('who').hidden = !buyer
  $('who').querySelector('span').textContent = buyer ? word('signedInAs', { name: buyer.name }) : ''
  $('switch').textContent = word('signOut')
  const empty = $('empty')
  empty.hidden = orders.length > 0
  empty.querySelector('h2').textContent = word(buyer ? 'noOrders' : 'visitorOrders')
  empty.querySelector('p').textContent = buyer ? word('noOrdersMore') : word('visitorOrdersMore', { name: account.name })
  const button = empty.querySelector('button')
  button.textContent = buyer ? word('backToRoom') : word('signIn', { name: account.name })
  button.onclick = buyer ? () => location.assign('/' + location.search) : () => change(true)
}

async function change(signedIn) {
  try {
    await signIn(signedIn)
  } catch (fault) {
    return toast(word('failed', { why: fault.message }))
  }
  load()
}

async function load() {
  let mine
  try {
    mine = await ask('/my-orders')
  } catch (fault) {
    return toast(word('failed', { why: fault.message }))
  }
  show(mine)
  return mine
}

$('switch').onclick = () => change(false)
speak('ordersTitle')
const mine = await load()
if (mine) connectDesk(mine.buyer, {})
