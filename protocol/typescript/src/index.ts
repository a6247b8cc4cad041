/** `@livedesk/protocol`: the wire's types and the one client of it, for buyers and agents. */
export { browserClock, type Clock } from './clock.ts'
export {
  socketIoDial,
  type Connection,
  type ConnectionHooks,
  type Dial,
  type Namespace,
  type Wires,
} from './connection.ts'
export type { ConversationLog } from './ConversationLog.ts'
export { FileAddresses } from './FileAddresses.ts'
export type { LogSnapshot } from './host.ts'
export { uuid7 } from './ids.ts'
export { memoryKeep, openKeep, storageKeep, type Cursor, type Keep, type Line, type LineContent } from './keep.ts'
export type { LinkState, LinkStatus, TokenSource, TokenWish } from './link.ts'
export { receiptOf, unreadOf, type AllMarks, type Receipt, type Side } from './log.ts'
export {
  LogClient,
  type ClientState,
  type CommandName,
  type EventName,
  type LogClientOptions,
  type ReplyOf,
  type RequestOf,
} from './LogClient.ts'
export { Refusal, asRefusal, isTransient, readError, type Failure, type LocalCode } from './refusal.ts'
export { written } from './text.ts'
export { isDone, nextShot, shotLists, type ShotList, type ShotProgress, type ShotState } from './shots.ts'
export type * from './wire.ts'
