/** What a conversation is about: the order it was opened with, else the product, else the newest order. */

import type { Context, OrderView, ProvenanceCard } from '@livedesk/protocol'

export interface Subject {
  readonly title: string | null
  readonly picture: string | null
  /** Where the subject comes from, as sure as the server is. */
  readonly provenance: ProvenanceCard | null
}

/** The order that the conversation was opened with, if it came with one. */
export function ownOrder(context: Context): OrderView | null {
  const id = context.summary.order_id ?? null
  return id === null ? null : (context.orders.find((view) => view.order.order_id === id) ?? null)
}

/** The buyer's orders, the one that this is about first. */
export function ordersOf(context: Context): OrderView[] {
  const own = ownOrder(context)
  return own === null ? context.orders : [own, ...context.orders.filter((view) => view !== own)]
}

export function subjectOf(context: Context): Subject {
  const own = ownOrder(context)
  const product = context.product ?? null
  const order = own ?? (product === null ? (context.orders[0] ?? null) : null)
  if (order === null) {
    return { title: product?.title ?? null, picture: product?.picture ?? null, provenance: context.provenance ?? null }
  }
  return {
    title: order.order.titles[0] ?? order.lines[0]?.title ?? null,
    picture: order.order.picture ?? null,
    provenance: order.lines.find((line) => line.provenance != null)?.provenance ?? context.provenance ?? null,
  }
}
