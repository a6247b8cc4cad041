/** The console's HTTP calls; each rejects with a `Refusal`. The session is an HttpOnly cookie, never seen here. */

import { Refusal, readError } from '@livedesk/protocol'
import type { AgentSessions, Empty, Login, Me, SocketToken } from '@livedesk/protocol'

export interface AgentApi {
  login(body: Login): Promise<Me>
  logout(): Promise<Empty>
  me(): Promise<Me>
  sessions(): Promise<AgentSessions>
  endSession(sessionId: string): Promise<Empty>
  socketToken(): Promise<SocketToken>
}

/** Longer than any answer of a living server; after it the call counts as not answered. */
const TIMEOUT_MS = 15_000

export function agentApi(fetching: typeof fetch = (...request) => fetch(...request)): AgentApi {
  const call = async <T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T> => {
    let answer: Response
    try {
      answer = await fetching(`/api/v1/agent/${path}`, {
        method,
        credentials: 'same-origin',
        cache: 'no-store',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
      })
    } catch (cause) {
      throw new Refusal('offline', cause instanceof Error ? cause.message : String(cause))
    }
    const answered: unknown = await answer.json().catch(() => null)
    if (answer.ok) return answered as T
    const error = typeof answered === 'object' && answered !== null && 'error' in answered ? readError(answered.error) : null
    // Without an envelope it was not our server that answered: a proxy in front of one that is away.
    throw error ?? new Refusal(answer.status >= 500 ? 'offline' : 'malformed', `HTTP ${answer.status}`)
  }
  return {
    login: (body) => call('POST', 'login', body),
    logout: () => call('POST', 'logout'),
    me: () => call('GET', 'me'),
    sessions: () => call('GET', 'sessions'),
    endSession: (sessionId) => call('DELETE', `sessions/${encodeURIComponent(sessionId)}`),
    socketToken: () => call('POST', 'socket-token'),
  }
}
