/** What the desk knows, as plain data: the server's last word about rows, seats, offers and contexts. */

import type { Context, Desk, Ended, Offered, ServerStopped, Summary } from '@livedesk/protocol'

export type Tab = 'mine' | 'waiting' | 'all'
export const TABS: readonly Tab[] = ['mine', 'waiting', 'all']

export interface DeskState {
  readonly desk: Desk
  /** Server clock minus this clock, in ms: every countdown runs by the server's time. */
  readonly skew: number
  /** Every conversation the console has heard of, by id. The tabs are views of it. */
  readonly rows: Readonly<Record<string, Summary>>
  /** Whether the server has older rows than those loaded, per tab. */
  readonly more: Readonly<Record<Tab, boolean>>
  readonly offers: readonly Offered[]
  /** Until when (server's clock) a buyer counts as typing, by conversation. */
  readonly typing: Readonly<Record<string, number>>
  readonly contexts: Readonly<Record<string, Context>>
  readonly ended: Ended | null
  readonly stopping: ServerStopped | null
}

export interface ListPage {
  readonly conversations: readonly Summary[]
  readonly more: boolean
}

/** How long one typing hint lasts: clients repeat it every 3 s while keys are pressed. */
export const TYPING_FOR_MS = 5_000

/** The state right after everything was read from the server. Offers that still run are carried over: no read has them. */
export function snapshot(
  desk: Desk,
  pages: Readonly<Record<Tab, ListPage>>,
  localNow: number,
  offers: readonly Offered[] = [],
): DeskState {
  let rows: Record<string, Summary> = {}
  for (const tab of TABS) rows = withRows(rows, pages[tab].conversations)
  return {
    desk,
    skew: desk.now - localNow,
    rows,
    more: { mine: pages.mine.more, waiting: pages.waiting.more, all: pages.all.more },
    offers: offers.filter((offer) => offer.expires_at > desk.now),
    typing: {},
    contexts: {},
    ended: null,
    stopping: null,
  }
}

/** Rows with these summaries laid over them, each merged as `mergeRow` says. */
export function withRows(
  rows: Readonly<Record<string, Summary>>,
  summaries: readonly Summary[],
): Record<string, Summary> {
  const merged = { ...rows }
  for (const summary of summaries) {
    merged[summary.conversation_id] = mergeRow(merged[summary.conversation_id], summary)
  }
  return merged
}

/**
 * The newer of two views of one conversation. Facts travel on more than one path, so a late one must not
 * move the row back: the owner follows the fence, what was said follows the log's last seq.
 */
export function mergeRow(known: Summary | undefined, heard: Summary): Summary {
  if (known === undefined) return heard
  let row = heard
  if (heard.fence < known.fence) {
    row = {
      ...row,
      fence: known.fence,
      state: known.state,
      line: known.line,
      owner_id: known.owner_id ?? null,
      owner_name: known.owner_name ?? null,
      group_id: known.group_id ?? null,
      group_name: known.group_name ?? null,
      waiting_since: known.waiting_since ?? null,
      closed_at: known.closed_at ?? null,
    }
  }
  if (heard.last_seq < known.last_seq) {
    row = {
      ...row,
      last_seq: known.last_seq,
      state: known.state,
      preview: known.preview ?? '',
      owed_since: known.owed_since ?? null,
      unread: known.unread ?? 0,
      closed_at: known.closed_at ?? null,
    }
  }
  if (heard.desk_last_seq < known.desk_last_seq) row = { ...row, desk_last_seq: known.desk_last_seq }
  return row
}

/** What a person may do in a shop; `null` where he has no membership. */
export function roleIn(state: DeskState, shopId: string): 'agent' | 'supervisor' | 'admin' | null {
  return state.desk.shops.find((shop) => shop.shop_id === shopId)?.role ?? null
}

export function isLead(role: string | null): boolean {
  return role === 'supervisor' || role === 'admin'
}

/** Whether writing into the conversation needs nobody else's leave: it is open and mine. */
export function isMine(state: DeskState, row: Summary): boolean {
  return row.state === 'open' && row.owner_id === state.desk.person_id
}
