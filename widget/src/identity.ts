import type { Clock } from '@livedesk/protocol'
import type { Bridge } from './bridge.ts'

/** The page has this long to say who the buyer is, before he is a visitor. */
const IDENTITY_MS = 5_000

/** The signed identity of the person in front of the page: given in the address, or asked of the page around us. */
export class PageIdentity {
  /** Somebody can say who the buyer is. */
  signed: boolean
  private answer: ((token: string | null) => void) | null = null

  constructor(
    private readonly bridge: Bridge,
    private readonly clock: Clock,
    private given: string | null,
  ) {
    this.signed = given !== null
  }

  /** null: nobody is signed in, or the page does not say. One from the address is given once. */
  ask(): Promise<string | null> {
    const { given } = this
    this.given = null
    if (!this.bridge.embedded || !this.signed) return Promise.resolve(given)
    return new Promise((resolve) => {
      const cancel = this.clock.after(IDENTITY_MS, () => this.answer?.(null))
      this.answer = (token) => {
        cancel()
        this.answer = null
        resolve(token)
      }
      this.bridge.say({ livedesk: 'identity-wanted' })
    })
  }

  answered(token: string | null): void {
    this.answer?.(token)
  }

  forget(): void {
    this.given = null
    this.signed = false
  }
}
