import { io } from 'socket.io-client'
import { Refusal, readError } from './refusal.ts'
import type { AgentCommands, AgentEvents, BuyerCommands, BuyerEvents, ErrorCode } from './wire.ts'

/** What may be asked and heard in each namespace. */
export interface Wires {
  '/buyer': { commands: BuyerCommands; events: BuyerEvents }
  '/agent': { commands: AgentCommands; events: AgentEvents }
}
export type Namespace = keyof Wires

/** One attempt at a connection. It ends once, with `refused` or `lost`, and is never used again. */
export interface Connection {
  /** `ack` is called at most once; not at all when the answer is lost. */
  send(command: string, payload: unknown, ack: (answer: unknown) => void): void
  /** May be called twice. No hook is called afterwards. */
  close(): void
}

export interface ConnectionHooks {
  opened(): void
  /** The server looked at the token and said no. */
  refused(refusal: Refusal): void
  /** It could not be reached, or the connection broke. */
  lost(reason: string): void
  event(name: string, payload: unknown): void
}

/** Opens one connection with a token; no hook is called before it has returned. The seam for a toy network. */
export type Dial = (token: string, hooks: ConnectionHooks) => Connection

/** Dials a namespace of the desk over Socket.IO: websocket only, never reconnecting by itself. */
export function socketIoDial(origin: string, namespace: Namespace | '/guest'): Dial {
  return (token, hooks) => {
    const socket = io(origin + namespace, {
      transports: ['websocket'],
      auth: { token },
      // Reconnecting is the client's: it knows the server's wish, the token and the cursors.
      reconnection: false,
      forceNew: true,
      autoConnect: false,
    })
    let ended = false
    const end = (tell: () => void): void => {
      if (ended) return
      ended = true
      socket.disconnect()
      tell()
    }
    socket.on('connect', () => hooks.opened())
    socket.on('disconnect', (reason) => end(() => hooks.lost(reason)))
    socket.on('connect_error', (error) => end(() => refusedOrLost(error, hooks)))
    socket.onAny((name: string, payload: unknown) => {
      if (!ended) hooks.event(name, payload)
    })
    socket.connect()
    return {
      send: (command, payload, ack) => socket.emit(command, payload, ack),
      close: () => end(() => {}),
    }
  }
}

function refusedOrLost(error: Error & { data?: unknown }, hooks: ConnectionHooks): void {
  const said = readError(error.data)
  if (said) hooks.refused(said)
  else if (/^[a-z]+(_[a-z]+)+$/.test(error.message)) {
    hooks.refused(new Refusal(error.message as ErrorCode, error.message))
  } else hooks.lost(error.message)
}
