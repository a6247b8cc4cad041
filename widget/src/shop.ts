import { asRefusal, type WidgetShop } from '@livedesk/protocol'
import type { DeskOptions } from './desk.ts'
import { ask } from './http.ts'
import type { DeskState } from './state.ts'
import { readersLocale, setLocale, toLocale } from './words.ts'

/** What the shop says of itself, and in which language one speaks: a wish goes before the shop's own. */
export class ShopFront {
  private wished = false

  constructor(
    private readonly options: DeskOptions,
    private readonly state: DeskState,
  ) {}

  async read(): Promise<void> {
    const { start, fetch } = this.options
    this.state.shopRefusal = null
    try {
      const { body } = await ask<WidgetShop>(fetch, `/api/v1/shops/${encodeURIComponent(start.shop)}/widget`)
      // Without its colour the shop is still the shop.
      const colour = body.accent ? await import('./accent.ts').catch(() => null) : null
      if (body.accent && colour) this.state.accents = colour.accents(body.accent)
      if (!this.wished) await setLocale(body.locale)
      this.state.shop = body
    } catch (thrown) {
      const refusal = asRefusal(thrown)
      if (refusal.code === 'not_found') await this.speakToReader()
      this.state.shopRefusal = refusal
    }
  }

  /** Without a shop it is the reader's own language that counts. */
  async speakToReader(): Promise<void> {
    if (!this.wished) await setLocale(readersLocale() ?? 'zh-CN')
  }

  wishLocale(wish: string): Promise<void> | null {
    const to = toLocale(wish)
    if (!to) return null
    this.wished = true
    return setLocale(to)
  }
}
