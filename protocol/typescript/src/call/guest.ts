import type { Clock } from '../clock.ts'
import type { Dial } from '../connection.ts'
import { uuid7 } from '../ids.ts'
import { Link, type LinkState } from '../link.ts'
import { asRefusal, isTransient, Refusal, retryAfter } from '../refusal.ts'
import type { Ended } from '../wire.ts'
import type { CallCommand, CallCommands, CallEvent, CallEvents, CallSocket } from './socket.ts'

/** Between repetitions, where the server names no pause. */
const PAUSE_MS = 1_000

/**
 * A guest's connection: calls and nothing else, for whoever holds the link. `state` is `refused` once the link
 * opens nothing any more: revoked, its hour over, or its call.
 */
export class GuestSocket implements CallSocket {
  private readonly link: Link
  private readonly hearers = new Map<string, Set<(payload: never) => void>>()
  private readonly listeners = new Set<() => void>()

  constructor(
    dial: Dial,
    token: string,
    private readonly clock: Clock,
  ) {
    this.link = new Link(
      dial,
      async (wish) => {
        // There is one token, and the server said that it is none.
        if (wish === 'renew') throw new Refusal('session_revoked', 'This link opens no call, or none any more.')
        return token
      },
      clock,
      {
        changed: () => this.listeners.forEach((listener) => listener()),
        event: (name, payload) => this.event(name, payload),
      },
    )
  }

  get state(): LinkState {
    return this.link.state
  }

  /** Calls after every change of `state`. The answer ends it. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  start(): void {
    this.link.start()
  }

  /** The page is in sight again: connect now. */
  nudge(): void {
    this.link.nudge()
  }

  async ask<C extends CallCommand>(
    command: C,
    payload: CallCommands[C]['request'],
    timeoutMs?: number,
  ): Promise<CallCommands[C]['reply']> {
    return (await this.link.request(command, payload, timeoutMs)) as CallCommands[C]['reply']
  }

  async insist<C extends CallCommand>(command: C, payload: CallCommands[C]['request']): Promise<CallCommands[C]['reply']> {
    for (;;) {
      try {
        return await this.ask(command, payload)
      } catch (thrown) {
        const refusal = asRefusal(thrown)
        if (!isTransient(refusal.code) || this.state.status === 'refused') throw refusal
        await new Promise<void>((resolve) => this.clock.after(retryAfter(refusal) ?? PAUSE_MS, resolve))
      }
    }
  }

  on<E extends CallEvent>(event: E, listener: (payload: CallEvents[E]) => void): () => void {
    const of = this.hearers.get(event) ?? new Set()
    this.hearers.set(event, of)
    of.add(listener as (payload: never) => void)
    return () => void of.delete(listener as (payload: never) => void)
  }

  connected(listener: () => void): () => void {
    let generation = 0
    const look = (): void => {
      const { status, generation: now } = this.state
      if (status !== 'online' || now === generation) return
      generation = now
      listener()
    }
    look()
    return this.subscribe(look)
  }

  redial(): void {
    this.link.redial()
  }

  newClientId(): string {
    return uuid7(this.clock.now())
  }

  private event(name: string, payload: unknown): void {
    if (name === 'session.ended') {
      const { code, message } = payload as Ended
      this.link.ended(new Refusal(code, message), ['too_many', 'too_large', 'rate_limited'].includes(code))
    } else if (name === 'server.stopped') this.link.wait((payload as { retry_after_ms: number }).retry_after_ms)
    else this.hearers.get(name)?.forEach((listener) => listener(payload as never))
  }
}
