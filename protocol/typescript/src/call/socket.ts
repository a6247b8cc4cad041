import type { LogClient } from '../LogClient.ts'
import type { AgentCommands, AgentEvents, BuyerCommands, BuyerEvents, BuyerInvite } from '../wire.ts'

type Named<T> = Extract<keyof T, `call.${string}`>

/** The commands of calls, of every namespace. A side that has not a command is answered `unknown_command`. */
export type CallCommands = Pick<AgentCommands, Exclude<Named<AgentCommands>, 'call.invite'>> &
  Pick<BuyerCommands, 'call.link'> & {
    'call.invite': { request: BuyerInvite & { fence?: number }; reply: AgentCommands['call.invite']['reply'] }
  }
export type CallCommand = keyof CallCommands
export type CallEvents = Pick<AgentEvents & BuyerEvents, Named<AgentEvents & BuyerEvents>>
export type CallEvent = keyof CallEvents

/** What calls need of the connection to the desk. Whatever it rejects with is a `Refusal`. */
export interface CallSocket {
  /** Asks once, now. */
  ask<C extends CallCommand>(
    command: C,
    payload: CallCommands[C]['request'],
    timeoutMs?: number,
  ): Promise<CallCommands[C]['reply']>
  /** Asks until it is answered; for what may be repeated. */
  insist<C extends CallCommand>(command: C, payload: CallCommands[C]['request']): Promise<CallCommands[C]['reply']>
  on<E extends CallEvent>(event: E, listener: (payload: CallEvents[E]) => void): () => void
  /** Calls with every new connection, and at once when there is one. */
  connected(listener: () => void): () => void
  /** The present connection is dead or will be: dial another. */
  redial(): void
  newClientId(): string
}

/** The calls' side of a `LogClient`. */
export function callSocket(client: LogClient<'/buyer'> | LogClient<'/agent'>): CallSocket {
  // Either client has these; which commands it may say is the server's to judge.
  const { request, insist, on } = client as unknown as Record<'request' | 'insist' | 'on', (...args: unknown[]) => never>
  return {
    ask: (...args) => request.apply(client, args),
    insist: (...args) => insist.apply(client, args),
    on: (...args) => on.apply(client, args),
    connected: (listener) => {
      let generation = 0
      const look = (): void => {
        const { link } = client.state
        if (link.status !== 'online' || link.generation === generation) return
        generation = link.generation
        listener()
      }
      const off = client.subscribe(look)
      look()
      return off
    },
    redial: () => client.redial(),
    newClientId: () => client.newClientId(),
  }
}
