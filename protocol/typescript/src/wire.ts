/* Printed from protocol/ by protocol.export and json2ts; do not edit. */

export type CardRef = ProductRef | OrderRef;
export type AgentSend = AgentText | AgentCard;
export type PublicEntry =
  | TextEntry
  | CardEntry
  | RecallEntry
  | StillEntry
  | SkippedEntry
  | RetakeEntry
  | AssignedEntry
  | TransferredEntry
  | RequeuedEntry
  | ClosedEntry
  | ReopenedEntry
  | CallEntry
  | BookingEntry;
export type Card = ProductCard | OrderCard | ContextCard | ShotsCard;
export type DeskEntry = NoteEntry | HandoverEntry | RoutedEntry | ReusedEntry | RecordingEntry;
export type BuyerSend = BuyerText | BuyerCard;
export type CallMark =
  | PointerMark
  | ArrowMark
  | CircleMark
  | FreehandMark
  | TextMark
  | UndoMark
  | ClearMark
  | FreezeMark
  | UnfreezeMark;
export type CaseEntry = CaseOpened | CaseNoted | CaseHeld | CaseClosed | CaseReopened;
/**
 * Why a request was refused.
 */
export type ErrorCode =
  | "bad_request"
  | "unknown_command"
  | "too_large"
  | "too_deep"
  | "binary_refused"
  | "not_a_picture"
  | "too_many_pixels"
  | "unauthenticated"
  | "session_expired"
  | "session_revoked"
  | "login_failed"
  | "insecure_transport"
  | "origin_refused"
  | "identity_invalid"
  | "identity_expired"
  | "anonymous_refused"
  | "code_used"
  | "forbidden"
  | "not_found"
  | "conversation_closed"
  | "stale_fence"
  | "already_taken"
  | "offer_ended"
  | "at_capacity"
  | "recall_refused"
  | "resync"
  | "conflict"
  | "unassigned"
  | "busy"
  | "ring_over"
  | "call_ended"
  | "elsewhere"
  | "not_joined"
  | "stale_leg"
  | "description_refused"
  | "camera_incapable"
  | "media_away"
  | "rate_limited"
  | "too_many"
  | "retry"
  | "internal";

export interface Wire {
  Accepted: Accepted;
  AdjustAsked: AdjustAsked;
  AdjustCamera: AdjustCamera;
  AgentBook: AgentBook;
  AgentCard: AgentCard;
  AgentInvite: AgentInvite;
  AgentRecall: AgentRecall;
  AgentSend: AgentSend;
  AgentSession: AgentSession;
  AgentSessions: AgentSessions;
  AgentSync: AgentSync;
  AgentSynced: AgentSynced;
  AgentText: AgentText;
  AgentUnbook: AgentUnbook;
  Alternative: Alternative;
  Answer: Answer;
  ArrowMark: ArrowMark;
  AskStill: AskStill;
  AssignedEntry: AssignedEntry;
  AssignedToAgent: AssignedToAgent;
  AssignedToBuyer: AssignedToBuyer;
  BookCall: BookCall;
  Booked: Booked;
  Booking: Booking;
  BookingEntry: BookingEntry;
  BuyerCard: BuyerCard;
  BuyerCode: BuyerCode;
  BuyerCodeRequest: BuyerCodeRequest;
  BuyerHistory: BuyerHistory;
  BuyerInvite: BuyerInvite;
  BuyerRecall: BuyerRecall;
  BuyerSend: BuyerSend;
  BuyerSession: BuyerSession;
  BuyerSessionRequest: BuyerSessionRequest;
  BuyerSummary: BuyerSummary;
  BuyerSync: BuyerSync;
  BuyerSynced: BuyerSynced;
  BuyerText: BuyerText;
  Call: Call;
  CallChanged: CallChanged;
  CallConnection: CallConnection;
  CallEntry: CallEntry;
  CallLink: CallLink;
  CallMark: CallMark;
  CallMoved: CallMoved;
  CallRecording: CallRecording;
  CallStretch: CallStretch;
  Called: Called;
  Calls: Calls;
  CameraControls: CameraControls;
  Card: Card;
  CardEntry: CardEntry;
  CardRef: CardRef;
  CaseCall: CaseCall;
  CaseChanged: CaseChanged;
  CaseClosed: CaseClosed;
  CaseEntry: CaseEntry;
  CaseHeld: CaseHeld;
  CaseNoted: CaseNoted;
  CaseOpened: CaseOpened;
  CaseReopened: CaseReopened;
  CaseSummary: CaseSummary;
  CaseView: CaseView;
  CasesListed: CasesListed;
  Changed: Changed;
  CircleMark: CircleMark;
  ClearMark: ClearMark;
  CloseByAgent: CloseByAgent;
  CloseByBuyer: CloseByBuyer;
  CloseCase: CloseCase;
  Closed: Closed;
  ClosedEntry: ClosedEntry;
  ClosedEvent: ClosedEvent;
  Colleague: Colleague;
  ComposeRecording: ComposeRecording;
  Context: Context;
  ContextCard: ContextCard;
  Describe: Describe;
  Desk: Desk;
  DeskEntry: DeskEntry;
  DeskPosted: DeskPosted;
  DrawMark: DrawMark;
  Drawn: Drawn;
  Empty: Empty;
  Ended: Ended;
  EraseRecording: EraseRecording;
  ErrorCode: ErrorCode;
  EventResult: EventResult;
  EventResults: EventResults;
  FileLink: FileLink;
  FileLinks: FileLinks;
  FileStored: FileStored;
  FillShot: FillShot;
  Flow: Flow;
  FreehandMark: FreehandMark;
  FreezeMark: FreezeMark;
  GiveConsent: GiveConsent;
  GroupView: GroupView;
  GuestInvited: GuestInvited;
  HandoverEntry: HandoverEntry;
  HoldCase: HoldCase;
  IceServer: IceServer;
  Impersonate: Impersonate;
  InviteGuest: InviteGuest;
  Join: Join;
  Joined: Joined;
  LinkCall: LinkCall;
  LinkFiles: LinkFiles;
  List: List;
  ListCalls: ListCalls;
  ListCases: ListCases;
  ListOwn: ListOwn;
  Listed: Listed;
  ListedCalls: ListedCalls;
  LoadCalls: LoadCalls;
  LoadDesk: LoadDesk;
  LoadWall: LoadWall;
  Login: Login;
  Look: Look;
  Mark: Mark;
  MarkDrawn: MarkDrawn;
  MarkEntry: MarkEntry;
  Marked: Marked;
  Marks: Marks;
  MarksMoved: MarksMoved;
  MaskedContact: MaskedContact;
  Me: Me;
  Membership: Membership;
  Moved: Moved;
  NoteCase: NoteCase;
  NoteEntry: NoteEntry;
  OfCall: OfCall;
  OfferEnded: OfferEnded;
  Offered: Offered;
  Open: Open;
  OpenCase: OpenCase;
  OpenRecording: OpenRecording;
  Opened: Opened;
  OrderCard: OrderCard;
  OrderLine: OrderLine;
  OrderLineView: OrderLineView;
  OrderRef: OrderRef;
  OrderView: OrderView;
  Participant: Participant;
  Point: Point;
  PointerMark: PointerMark;
  PostLiveEvents: PostLiveEvents;
  PostLiveSession: PostLiveSession;
  Posted: Posted;
  ProductCard: ProductCard;
  ProductRef: ProductRef;
  ProvenanceBound: ProvenanceBound;
  ProvenanceCard: ProvenanceCard;
  PublicEntry: PublicEntry;
  PutOrder: PutOrder;
  PutProduct: PutProduct;
  PutShotList: PutShotList;
  QualityChanged: QualityChanged;
  QualityReport: QualityReport;
  ReadCase: ReadCase;
  ReadRecordingMarks: ReadRecordingMarks;
  Reason: Reason;
  RecallEntry: RecallEntry;
  Recalled: Recalled;
  Receiver: Receiver1;
  Reconnecting: Reconnecting;
  RecordingChanged: RecordingChanged;
  RecordingComposed: RecordingComposed;
  RecordingConsent: RecordingConsent;
  RecordingEntry: RecordingEntry;
  RecordingGap: RecordingGap;
  RecordingMarks: RecordingMarks;
  RecordingPause: RecordingPause;
  RecordingSide: RecordingSide;
  RecordingSummary: RecordingSummary;
  RecordingView: RecordingView;
  Renew: Renew;
  Renewed: Renewed;
  Reopen: Reopen;
  ReopenCase: ReopenCase;
  Reopened: Reopened;
  ReopenedEntry: ReopenedEntry;
  ReopenedEvent: ReopenedEvent;
  RequestShots: RequestShots;
  RequeuedEntry: RequeuedEntry;
  RestrictRecording: RestrictRecording;
  RetakeEntry: RetakeEntry;
  RetakeShot: RetakeShot;
  ReusedEntry: ReusedEntry;
  RevokeGuest: RevokeGuest;
  RoutedEntry: RoutedEntry;
  Said: Said;
  Seat: Seat;
  SelftestFinding: SelftestFinding;
  SelftestFindings: SelftestFindings;
  SelftestReport: SelftestReport;
  SelftestStored: SelftestStored;
  Sender: Sender;
  Sent: Sent;
  ServerStopped: ServerStopped;
  SetMedia: SetMedia;
  SetPresence: SetPresence;
  ShopView: ShopView;
  Shot: Shot;
  ShotsCard: ShotsCard;
  SkipShot: SkipShot;
  SkippedEntry: SkippedEntry;
  SocketToken: SocketToken;
  StillAsked: StillAsked;
  StillEntry: StillEntry;
  Stored: Stored;
  Summary: Summary;
  SyncMarks: SyncMarks;
  SyncedMarks: SyncedMarks;
  TextEntry: TextEntry;
  TextMark: TextMark;
  Track: Track;
  TracksRouted: TracksRouted;
  Transfer: Transfer;
  TransferredEntry: TransferredEntry;
  Typing: Typing;
  TypingNow: TypingNow;
  UnbookCall: UnbookCall;
  UndoMark: UndoMark;
  UnfreezeMark: UnfreezeMark;
  Unlook: Unlook;
  Wall: Wall;
  WallGroup: WallGroup;
  Watch: Watch;
  Watched: Watched;
  WidgetShop: WidgetShop;
  WriteNote: WriteNote;
  Zoom: Zoom;
  BuyerCommands: BuyerCommands;
  BuyerEvents: BuyerEvents;
  AgentCommands: AgentCommands;
  AgentEvents: AgentEvents;
  GuestCommands: GuestCommands;
  GuestEvents: GuestEvents;
}
/**
 * The conversation is the caller's, under this fence.
 */
export interface Accepted {
  conversation_id: string;
  fence: number;
}
/**
 * What was asked of the buyer's camera. His page does it if the camera is on, and tells how it stands.
 */
export interface AdjustAsked {
  call_id: string;
  /**
   * Whose camera it is.
   */
  participant_id: string;
  torch?: boolean | null;
  zoom?: number | null;
}
/**
 * Asks for torch or zoom of the buyer's camera; what is not said stays. His page does it, and he can take
 * it back. It never turns a camera on nor goes to the one on the other side, which would show his face: what
 * is shown at all is the buyer's to say.
 */
export interface AdjustCamera {
  call_id: string;
  torch?: boolean | null;
  zoom?: number | null;
}
/**
 * The same by whoever has the conversation.
 */
export interface AgentBook {
  conversation_id: string;
  client_id: string;
  at: number;
  media: "video" | "voice";
  fence: number;
}
/**
 * An agent's card, with the fence of his assignment.
 */
export interface AgentCard {
  conversation_id: string;
  client_id: string;
  kind: "card";
  body: CardRef;
  fence: number;
}
/**
 * Asks for a product's card; the server fills it in from the catalogue.
 */
export interface ProductRef {
  card: "product";
  product_id: string;
}
/**
 * Asks for an order's card; only an order in the conversation's scope.
 */
export interface OrderRef {
  card: "order";
  order_id: string;
}
/**
 * Asks the buyer for a call, under the fence of the assignment.
 */
export interface AgentInvite {
  conversation_id: string;
  client_id: string;
  media: "video" | "voice";
  fence: number;
}
/**
 * The same for the agent who owns the conversation.
 */
export interface AgentRecall {
  conversation_id: string;
  client_id: string;
  seq: number;
  fence: number;
}
/**
 * An agent's text, with the fence of his assignment.
 */
export interface AgentText {
  conversation_id: string;
  client_id: string;
  kind: "text";
  text: string;
  quote_seq?: number | null;
  fence: number;
}
/**
 * One of a person's sign-ins.
 */
export interface AgentSession {
  session_id: string;
  current: boolean;
  created_at: number;
  seen_at: number;
  address: string;
  /**
   * The browser's own description of itself.
   */
  agent: string;
}
/**
 * All living sign-ins, newest first.
 */
export interface AgentSessions {
  /**
   * @maxItems 100
   */
  sessions: AgentSession[];
}
/**
 * The same with the desk log's cursor.
 */
export interface AgentSync {
  conversation_id: string;
  after_seq: number;
  epoch: string;
  desk_after_seq?: number;
}
/**
 * The same with a page of the desk log, the owner and his fence.
 */
export interface AgentSynced {
  epoch: string;
  /**
   * @maxItems 200
   */
  entries: PublicEntry[];
  more: boolean;
  last_seq: number;
  state: "open" | "closed";
  agent_name?: string | null;
  position?: number | null;
  marks: Marks;
  /**
   * @maxItems 200
   */
  desk_entries: DeskEntry[];
  desk_more: boolean;
  desk_last_seq: number;
  owner_id?: string | null;
  fence: number;
}
/**
 * A written message. A recalled one keeps its place and loses its text.
 */
export interface TextEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "text";
  text: string | null;
  quote_seq?: number | null;
  recalled?: boolean;
}
/**
 * Who wrote an entry. `name` is the public name (花名); a login never stands here.
 */
export interface Sender {
  kind: "buyer" | "agent" | "system";
  id?: string | null;
  name?: string | null;
}
/**
 * A product, an order, the context in which the buyer asks, or a list of pictures he is asked for.
 */
export interface CardEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "card";
  body: Card | null;
  recalled?: boolean;
}
/**
 * A product as it stood when the card was made.
 */
export interface ProductCard {
  card?: "product";
  product_id: string;
  title: string;
  price?: number | null;
  currency?: string | null;
  picture?: string | null;
}
/**
 * An order as it stood when the card was made; no address and no phone.
 */
export interface OrderCard {
  card?: "order";
  order_id: string;
  status: "placed" | "paid" | "shipped" | "delivered" | "closed";
  total: number;
  currency: string;
  placed_at: number;
  /**
   * @maxItems 20
   */
  titles: string[];
  picture?: string | null;
}
/**
 * Where the buyer opened the desk: the room, the minute of the stream, the product, the order.
 */
export interface ContextCard {
  card?: "context";
  live_session_id?: string | null;
  live_title?: string | null;
  position_ms?: number | null;
  product?: ProductCard | null;
  order?: OrderCard | null;
  topic?: string | null;
}
/**
 * A list of pictures, to be taken in this order.
 */
export interface ShotsCard {
  card?: "shots";
  /**
   * @minItems 1
   * @maxItems 12
   */
  shots: [Shot, ...Shot[]];
}
/**
 * One picture that is asked for.
 */
export interface Shot {
  label: string;
  hint?: string;
  frame?: "tag" | "detail" | "whole" | "waybill";
}
/**
 * Takes back the message `recalled_seq`; it has a seq of its own like everything that happens.
 */
export interface RecallEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "recall";
  recalled_seq: number;
}
/**
 * A picture of a shot list, as it is stored: `sha256` is of these bytes, `sent_at` the server's clock.
 */
export interface StillEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  list_seq: number;
  shot: number;
  label: string;
  kind?: "still";
  file_id: string;
  width: number;
  height: number;
  size: number;
  sha256: string;
  /**
   * @maxItems 3
   */
  doubts?: ("blurred" | "dark" | "bright")[];
}
/**
 * The buyer leaves a shot out and says why.
 */
export interface SkippedEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  list_seq: number;
  shot: number;
  label: string;
  kind?: "skipped";
  reason: string;
}
/**
 * The agent asks for a shot once more.
 */
export interface RetakeEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  list_seq: number;
  shot: number;
  label: string;
  kind?: "retake";
  note?: string;
}
/**
 * An agent took over the conversation.
 */
export interface AssignedEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "assigned";
  agent_name: string;
}
/**
 * The conversation was handed on: to a named agent, or for None to a group, whose name stays inside.
 */
export interface TransferredEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "transferred";
  to_name?: string | null;
}
/**
 * The agent was lost; the conversation is back at the front of the line.
 */
export interface RequeuedEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "requeued";
}
/**
 * The conversation ended.
 */
export interface ClosedEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "closed";
  by: "buyer" | "agent" | "system";
}
/**
 * The conversation goes on; by itself when a booked call is due.
 */
export interface ReopenedEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "reopened";
  by: "buyer" | "agent" | "system";
}
/**
 * A call began, ended after so long, or was missed: who called, and why it is over.
 */
export interface CallEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "call";
  call_id: string;
  happened: "started" | "ended" | "missed";
  media: "video" | "voice";
  invited_by: "buyer" | "agent";
  reason?:
    | (
        | "hung_up"
        | "declined"
        | "no_answer"
        | "cancelled"
        | "buyer_lost"
        | "agent_lost"
        | "no_agent"
        | "not_connected"
        | "media_lost"
        | "conversation_closed"
      )
    | null;
  duration_ms?: number | null;
}
/**
 * A call was booked for a time or is no more; or the time has come, and the buyer is owed a call.
 */
export interface BookingEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "booking";
  happened: "booked" | "cancelled" | "due";
  at: number;
  media: "video" | "voice";
  replaced?: Booking | null;
}
/**
 * A call that is to be made at this time.
 */
export interface Booking {
  at: number;
  media: "video" | "voice";
}
/**
 * How far each side has received and read; never beyond the last seq, never backwards.
 */
export interface Marks {
  buyer_delivered?: number;
  buyer_read?: number;
  agent_delivered?: number;
  agent_read?: number;
}
/**
 * An internal note; only agents ever see it.
 */
export interface NoteEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "note";
  text: string;
}
/**
 * The note that goes with a transfer.
 */
export interface HandoverEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "handover";
  text: string;
  to_name: string;
}
/**
 * Why the conversation went where it went: rule, group and what was decided.
 */
export interface RoutedEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "routed";
  text: string;
}
/**
 * A still looks like an earlier picture of the shop: where that was, and how many of 64 bits differ.
 */
export interface ReusedEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "reused";
  still_seq: number;
  label: string;
  conversation_id: string;
  earlier_at: number;
  case_number?: number | null;
  bits: number;
}
/**
 * What became of a call's recording: it stopped, can be watched, could not be finished, or is ended.
 */
export interface RecordingEntry {
  seq: number;
  message_id: string;
  client_id?: string | null;
  sender: Sender;
  sent_at: number;
  kind?: "recording";
  recording_id: string;
  call_id: string;
  state: "stopped" | "finishing" | "kept" | "failed" | "restricted" | "erased";
  code?:
    | (
        | "call_ended"
        | "stopped"
        | "consent_withdrawn"
        | "disk_full"
        | "disk_low"
        | "disk_error"
        | "disk_slow"
        | "files_exhausted"
        | "too_long"
        | "too_many"
        | "recorder_away"
        | "killed"
        | "not_decoded"
        | "not_kept"
        | "shelf_away"
        | "journal_damaged"
        | "internal"
        | "restriction_asked"
        | "case_open"
        | "statutory_period"
        | "period_over"
        | "erasure_asked"
      )
    | null;
  duration_ms?: number | null;
}
/**
 * The same by whoever has the conversation.
 */
export interface AgentUnbook {
  conversation_id: string;
  client_id: string;
  fence: number;
}
/**
 * One of the explanations that an ambiguous line may come from, with what was promised there.
 */
export interface Alternative {
  live_session_id: string;
  live_title: string;
  /**
   * @maxItems 20
   */
  hosts?: string[];
  segment_from: number;
  /**
   * Null while nothing says that it ended.
   */
  segment_to?: number | null;
  offset_from_ms: number;
  offset_to_ms?: number | null;
  /**
   * @maxItems 50
   */
  promises?: Said[];
}
/**
 * Words of the stream with their time: a promise, a host's line or a viewer's question.
 */
export interface Said {
  at: number;
  /**
   * Since the session's start.
   */
  offset_ms: number;
  text: string;
  by?: string | null;
  /**
   * For promises: price, gift, return_window, …
   */
  kind?: string;
  /**
   * For questions: asked by this buyer.
   */
  own?: boolean;
}
/**
 * Takes or declines an offer.
 */
export interface Answer {
  offer_id: string;
  fence: number;
}
/**
 * An arrow from one place to another.
 */
export interface ArrowMark {
  mark_id: string;
  /**
   * The participant on whose picture it lies.
   */
  of: string;
  /**
   * When the frame that was live in sight, or that a freeze holds, came, by the server's clock: where the mark belongs in a recording. Unlikely times are not believed.
   */
  frame_at: number;
  shape: "arrow";
  start: Point;
  end: Point;
}
/**
 * A place in the picture.
 */
export interface Point {
  x: number;
  y: number;
}
/**
 * Asks the buyer's own camera for a still of high resolution: a list of one picture in the talk.
 */
export interface AskStill {
  call_id: string;
  client_id: string;
}
/**
 * To the agents concerned: who owns it now, under which fence.
 */
export interface AssignedToAgent {
  conversation_id: string;
  owner_id: string;
  fence: number;
  summary: Summary;
}
/**
 * A row in the console's lists. Names and cards are the shop's own; no phone, no address.
 */
export interface Summary {
  conversation_id: string;
  shop_id: string;
  shop_name: string;
  buyer_name: string;
  buyer_tier?: string | null;
  verified: boolean;
  state: "open" | "closed";
  line: "waiting" | "offered" | "active" | "done";
  group_id?: string | null;
  group_name?: string | null;
  owner_id?: string | null;
  owner_name?: string | null;
  fence: number;
  last_seq: number;
  desk_last_seq: number;
  opened_at: number;
  waiting_since?: number | null;
  /**
   * Time of the oldest buyer's message without an answer; null when none is owed.
   */
  owed_since?: number | null;
  closed_at?: number | null;
  product_title?: string | null;
  order_id?: string | null;
  preview?: string;
  unread?: number;
}
/**
 * To the buyer: who answers.
 */
export interface AssignedToBuyer {
  conversation_id: string;
  agent_name: string;
}
/**
 * Books a call for a time within fourteen days (预约), in place of an earlier booking.
 */
export interface BookCall {
  conversation_id: string;
  client_id: string;
  at: number;
  media: "video" | "voice";
}
/**
 * The line of the log that says it, and the booking as it stands now.
 */
export interface Booked {
  seq: number;
  booking?: Booking | null;
}
/**
 * A buyer's card.
 */
export interface BuyerCard {
  conversation_id: string;
  client_id: string;
  kind: "card";
  body: CardRef;
}
/**
 * Good once, until `expires_at`.
 */
export interface BuyerCode {
  code: string;
  expires_at: number;
}
/**
 * Trades a signed identity for a one-time code that may stand in a link (60 s).
 */
export interface BuyerCodeRequest {
  shop: string;
  identity: string;
}
/**
 * The buyer's conversations with this shop, newest first.
 */
export interface BuyerHistory {
  /**
   * @maxItems 100
   */
  conversations: BuyerSummary[];
}
/**
 * One conversation in the buyer's own history.
 */
export interface BuyerSummary {
  conversation_id: string;
  state: "open" | "closed";
  last_seq: number;
  opened_at: number;
  closed_at?: number | null;
  agent_name?: string | null;
  preview?: string;
  unread?: number;
}
/**
 * Asks the agent for a call. While the agent rings for the same conversation it answers his call.
 */
export interface BuyerInvite {
  conversation_id: string;
  client_id: string;
  media: "video" | "voice";
}
/**
 * Takes back one's own message within two minutes.
 */
export interface BuyerRecall {
  conversation_id: string;
  client_id: string;
  seq: number;
}
/**
 * A buyer's text.
 */
export interface BuyerText {
  conversation_id: string;
  client_id: string;
  kind: "text";
  text: string;
  quote_seq?: number | null;
}
/**
 * A buyer's session. `visitor` comes with a new visitor only and is kept by his browser.
 */
export interface BuyerSession {
  token: string;
  expires_at: number;
  buyer_id: string;
  name?: string | null;
  verified: boolean;
  visitor?: string | null;
}
/**
 * Starts a buyer's session: with a merchant-signed identity, a one-time code, or as a visitor.
 *
 * `visitor` is the secret this browser got as a visitor: without an identity it brings the same
 * visitor back; with one, his open conversation goes on under the verified buyer.
 */
export interface BuyerSessionRequest {
  shop: string;
  identity?: string | null;
  code?: string | null;
  visitor?: string | null;
  locale?: ("zh-CN" | "en") | null;
}
/**
 * Everything after `after_seq`. `epoch` is the one the cursor was read under.
 */
export interface BuyerSync {
  conversation_id: string;
  after_seq: number;
  epoch: string;
}
/**
 * A page of the public log with the conversation's state as of the same read.
 */
export interface BuyerSynced {
  epoch: string;
  /**
   * @maxItems 200
   */
  entries: PublicEntry[];
  more: boolean;
  last_seq: number;
  state: "open" | "closed";
  agent_name?: string | null;
  position?: number | null;
  marks: Marks;
}
/**
 * A call as it stands. Of two, the one with the higher `revision` is the newer.
 */
export interface Call {
  call_id: string;
  conversation_id: string;
  revision: number;
  media: "video" | "voice";
  state: "ringing" | "answered" | "connected" | "waiting" | "ended";
  invited_by: "buyer" | "agent";
  rang_at: number;
  ring_until: number;
  answered_at?: number | null;
  connected_at?: number | null;
  ended_at?: number | null;
  reason?:
    | (
        | "hung_up"
        | "declined"
        | "no_answer"
        | "cancelled"
        | "buyer_lost"
        | "agent_lost"
        | "no_agent"
        | "not_connected"
        | "media_lost"
        | "conversation_closed"
      )
    | null;
  ended_by?: ("buyer" | "agent" | "supervisor" | "guest") | "system" | null;
  recording: CallRecording;
  /**
   * @maxItems 8
   */
  participants: Participant[];
}
/**
 * Whether the call is being recorded, for the constant indicator on both sides. `code`: why not.
 */
export interface CallRecording {
  state: "off" | "on" | "paused" | "stopped";
  code?: string | null;
}
/**
 * Somebody in a call. Supervisors who listen or whisper are told to agents only.
 */
export interface Participant {
  participant_id: string;
  role: "buyer" | "agent" | "supervisor" | "guest";
  mode?: ("listener" | "whisper" | "barge") | null;
  name: string;
  state: "invited" | "joined" | "reconnecting" | "left";
  reconnect_until?: number | null;
  camera: boolean;
  microphone: boolean;
  screen: boolean;
  controls?: CameraControls | null;
  consent: "unasked" | "granted" | "refused" | "withdrawn";
  level?: ("good" | "fair" | "poor" | "lost") | null;
  step?: ("full" | "low_resolution" | "low_rate" | "stills" | "audio_only") | null;
}
/**
 * What can be set of a camera that is on, and how it is set; null: it has no such thing.
 */
export interface CameraControls {
  torch?: boolean | null;
  zoom?: Zoom | null;
}
/**
 * How far a camera zooms, and where it stands.
 */
export interface Zoom {
  least: number;
  most: number;
  now: number;
}
/**
 * The call as it stands now. `participant_id`: whom the event is about, where it is about one.
 */
export interface CallChanged {
  call: Call;
  participant_id?: string | null;
}
/**
 * How somebody's connection was in a call: means of measurements, of which one each five seconds is kept.
 *
 * `fair` and `poor` of `measured` had that word. `lowest_step`: how far its sender came down on the ladder.
 * `stretches`: the same in time. Freezes and frozen time are whole sums; `rejoins` counts media that came
 * again on another leg.
 */
export interface CallConnection {
  role: "buyer" | "agent" | "supervisor" | "guest";
  name: string;
  measured: number;
  fair: number;
  poor: number;
  lowest_step: "full" | "low_resolution" | "low_rate" | "stills" | "audio_only";
  /**
   * @maxItems 30
   */
  stretches: CallStretch[];
  sent_kbps: number;
  received_kbps: number;
  loss: number;
  jitter_ms: number;
  round_trip_ms?: number | null;
  freezes: number;
  frozen_ms: number;
  rejoins: number;
}
/**
 * A time in which somebody's connection was the same. Where none of them is, nothing was measured.
 *
 * Its worst word and the lowest step of the ladder that he sent on; in steps of ten seconds or more.
 */
export interface CallStretch {
  from_at: number;
  to_at: number;
  level: "good" | "fair" | "poor";
  step: "full" | "low_resolution" | "low_rate" | "stills" | "audio_only";
}
/**
 * A one-time code with which another browser goes on as the same buyer: 在浏览器中打开.
 *
 * `waits_until`: so long a call to which he has not come yet waits for him there; null where there is none.
 */
export interface CallLink {
  now: number;
  code: string;
  expires_at: number;
  waits_until?: number | null;
}
/**
 * Where one points now; shown for a moment. Several places are the way of the hand since the last.
 */
export interface PointerMark {
  mark_id: string;
  /**
   * The participant on whose picture it lies.
   */
  of: string;
  /**
   * When the frame that was live in sight, or that a freeze holds, came, by the server's clock: where the mark belongs in a recording. Unlikely times are not believed.
   */
  frame_at: number;
  shape: "pointer";
  /**
   * @minItems 1
   * @maxItems 64
   */
  points: [Point, ...Point[]];
}
/**
 * An ellipse around a place; `rx` and `ry` are parts of the picture's width and height.
 */
export interface CircleMark {
  mark_id: string;
  /**
   * The participant on whose picture it lies.
   */
  of: string;
  /**
   * When the frame that was live in sight, or that a freeze holds, came, by the server's clock: where the mark belongs in a recording. Unlikely times are not believed.
   */
  frame_at: number;
  shape: "circle";
  centre: Point;
  rx: number;
  ry: number;
}
/**
 * A line drawn by hand; the same `mark_id` again goes on with it.
 */
export interface FreehandMark {
  mark_id: string;
  /**
   * The participant on whose picture it lies.
   */
  of: string;
  /**
   * When the frame that was live in sight, or that a freeze holds, came, by the server's clock: where the mark belongs in a recording. Unlikely times are not believed.
   */
  frame_at: number;
  shape: "freehand";
  /**
   * @minItems 1
   * @maxItems 64
   */
  points: [Point, ...Point[]];
}
/**
 * A word beside the fault.
 */
export interface TextMark {
  mark_id: string;
  /**
   * The participant on whose picture it lies.
   */
  of: string;
  /**
   * When the frame that was live in sight, or that a freeze holds, came, by the server's clock: where the mark belongs in a recording. Unlikely times are not believed.
   */
  frame_at: number;
  shape: "text";
  at: Point;
  text: string;
}
/**
 * Takes back one's own mark `undone`.
 */
export interface UndoMark {
  mark_id: string;
  /**
   * The participant on whose picture it lies.
   */
  of: string;
  /**
   * When the frame that was live in sight, or that a freeze holds, came, by the server's clock: where the mark belongs in a recording. Unlikely times are not believed.
   */
  frame_at: number;
  shape: "undo";
  undone: string;
}
/**
 * Takes back every mark on the picture.
 */
export interface ClearMark {
  mark_id: string;
  /**
   * The participant on whose picture it lies.
   */
  of: string;
  /**
   * When the frame that was live in sight, or that a freeze holds, came, by the server's clock: where the mark belongs in a recording. Unlikely times are not believed.
   */
  frame_at: number;
  shape: "clear";
}
/**
 * Holds the picture at this very frame on every screen. `picture` is the frame: everybody shows it, as
 * long as it is held. It is kept no longer than that; in the track of what is over it is null.
 */
export interface FreezeMark {
  mark_id: string;
  /**
   * The participant on whose picture it lies.
   */
  of: string;
  /**
   * When the frame that was live in sight, or that a freeze holds, came, by the server's clock: where the mark belongs in a recording. Unlikely times are not believed.
   */
  frame_at: number;
  shape: "freeze";
  picture?: string | null;
}
/**
 * Lets the picture go on.
 */
export interface UnfreezeMark {
  mark_id: string;
  /**
   * The participant on whose picture it lies.
   */
  of: string;
  /**
   * When the frame that was live in sight, or that a freeze holds, came, by the server's clock: where the mark belongs in a recording. Unlikely times are not believed.
   */
  frame_at: number;
  shape: "unfreeze";
}
/**
 * To one person's own pages: the call is on this leg now; the others stop.
 */
export interface CallMoved {
  call_id: string;
  participant_id: string;
  leg_id: string;
}
/**
 * The call as it stands after the command.
 */
export interface Called {
  now: number;
  call: Call;
}
/**
 * Living calls, the oldest first. `now` is the server's clock, so that rings drain by its time.
 */
export interface Calls {
  now: number;
  /**
   * @maxItems 100
   */
  calls: Call[];
}
/**
 * A call of the case's conversation: what became of it, and how the connections were.
 */
export interface CaseCall {
  call_id: string;
  media: "video" | "voice";
  state: "ringing" | "answered" | "connected" | "waiting" | "ended";
  invited_by: "buyer" | "agent";
  rang_at: number;
  connected_at?: number | null;
  ended_at?: number | null;
  reason?:
    | (
        | "hung_up"
        | "declined"
        | "no_answer"
        | "cancelled"
        | "buyer_lost"
        | "agent_lost"
        | "no_agent"
        | "not_connected"
        | "media_lost"
        | "conversation_closed"
      )
    | null;
  /**
   * @maxItems 8
   */
  connections: CallConnection[];
}
/**
 * To a shop's agents: a case is new or different.
 */
export interface CaseChanged {
  case: CaseSummary;
}
/**
 * A row of the list of cases.
 */
export interface CaseSummary {
  case_id: string;
  shop_id: string;
  number: number;
  title: string;
  state: "open" | "closed";
  conversation_id: string;
  buyer_name: string;
  order_id?: string | null;
  holder_id?: string | null;
  holder_name?: string | null;
  stills: number;
  opened_at: number;
  updated_at: number;
  closed_at?: number | null;
}
/**
 * The case was closed, with what came of it.
 */
export interface CaseClosed {
  seq: number;
  by_name: string;
  at: number;
  kind?: "closed";
  text: string;
}
/**
 * The case was opened from a conversation, or by its recorded call, of which `by_name` was the agent.
 */
export interface CaseOpened {
  seq: number;
  by_name: string;
  at: number;
  kind?: "opened";
  call_id?: string | null;
}
/**
 * Somebody wrote down what matters.
 */
export interface CaseNoted {
  seq: number;
  by_name: string;
  at: number;
  kind?: "note";
  text: string;
}
/**
 * The case went to another holder.
 */
export interface CaseHeld {
  seq: number;
  by_name: string;
  at: number;
  kind?: "held";
  holder_name: string;
}
/**
 * The case goes on, for this reason.
 */
export interface CaseReopened {
  seq: number;
  by_name: string;
  at: number;
  kind?: "reopened";
  text: string;
}
/**
 * A whole case. Stills, calls and recordings are of its conversation.
 *
 * `history` is append-only, oldest first; `calls` has the newest first.
 */
export interface CaseView {
  case: CaseSummary;
  order?: OrderCard | null;
  stills: StillEntry[];
  reused: ReusedEntry[];
  /**
   * @maxItems 20
   */
  calls: CaseCall[];
  /**
   * @maxItems 20
   */
  recordings: RecordingSummary[];
  /**
   * @maxItems 500
   */
  history: CaseEntry[];
}
/**
 * A recording as a case lists it. `ended_code`: why the writing ended; `code`: why it stands so.
 */
export interface RecordingSummary {
  recording_id: string;
  shop_id: string;
  call_id: string;
  conversation_id: string;
  state: "stopped" | "finishing" | "kept" | "failed" | "restricted" | "erased";
  code?:
    | (
        | "call_ended"
        | "stopped"
        | "consent_withdrawn"
        | "disk_full"
        | "disk_low"
        | "disk_error"
        | "disk_slow"
        | "files_exhausted"
        | "too_long"
        | "too_many"
        | "recorder_away"
        | "killed"
        | "not_decoded"
        | "not_kept"
        | "shelf_away"
        | "journal_damaged"
        | "internal"
        | "restriction_asked"
        | "case_open"
        | "statutory_period"
        | "period_over"
        | "erasure_asked"
      )
    | null;
  ended_code?:
    | (
        | "call_ended"
        | "stopped"
        | "consent_withdrawn"
        | "disk_full"
        | "disk_low"
        | "disk_error"
        | "disk_slow"
        | "files_exhausted"
        | "too_long"
        | "too_many"
        | "recorder_away"
        | "killed"
      )
    | null;
  began_at: number;
  duration_ms?: number | null;
}
/**
 * One page; `more` says that there are others.
 */
export interface CasesListed {
  /**
   * @maxItems 50
   */
  cases: CaseSummary[];
  more: boolean;
}
/**
 * To a shop's agents: this row of the lists is new or different (line, owner, state).
 */
export interface Changed {
  summary: Summary;
}
/**
 * Ends a conversation one owns.
 */
export interface CloseByAgent {
  conversation_id: string;
  client_id: string;
  fence: number;
}
/**
 * Ends one's own conversation.
 */
export interface CloseByBuyer {
  conversation_id: string;
  client_id: string;
}
/**
 * Closes a case and says what came of it.
 */
export interface CloseCase {
  case_id: string;
  client_id: string;
  text: string;
}
/**
 * The conversation is closed, at this place in its log.
 */
export interface Closed {
  seq: number;
}
/**
 * The conversation ended.
 */
export interface ClosedEvent {
  conversation_id: string;
  seq: number;
  by: "buyer" | "agent" | "system";
}
/**
 * A target of transfers.
 */
export interface Colleague {
  person_id: string;
  name: string;
  state: "ready" | "break" | "offline" | "wrap_up";
  units_free: number;
}
/**
 * Asks for one MP4 of a recording: sides beside each other, with marks; again, for how far it is.
 */
export interface ComposeRecording {
  recording_id: string;
}
/**
 * Who asks, about what, and where it comes from. Shown before the buyer has typed.
 */
export interface Context {
  summary: Summary;
  buyer_id: string;
  locale: "zh-CN" | "en";
  live_session_id?: string | null;
  live_title?: string | null;
  position_ms?: number | null;
  topic?: string | null;
  product?: ProductCard | null;
  /**
   * @maxItems 10
   */
  orders: OrderView[];
  /**
   * The moment of the stream in which the buyer tapped, unless he came with an order.
   */
  provenance?: ProvenanceCard | null;
  /**
   * @maxItems 20
   */
  earlier: BuyerSummary[];
  /**
   * @maxItems 20
   */
  cases: CaseSummary[];
  /**
   * What to ask for: the product's own list, or the usual one.
   *
   * @maxItems 12
   */
  shots: Shot[];
  marks: Marks;
}
/**
 * An order in the context column.
 */
export interface OrderView {
  order: OrderCard;
  paid_at?: number | null;
  contact: MaskedContact;
  /**
   * @maxItems 50
   */
  lines: OrderLineView[];
}
/**
 * Receiver data with the middle hidden, as stored.
 */
export interface MaskedContact {
  name?: string | null;
  phone?: string | null;
  address?: string | null;
}
/**
 * A line of an order in the context column, with the newest version of its provenance.
 */
export interface OrderLineView {
  line_id: string;
  product_id: string;
  title: string;
  quantity: number;
  price: number;
  provenance?: ProvenanceCard | null;
}
/**
 * The birth certificate (出生证明) of an order line, or of the minute in which a buyer tapped.
 *
 * An ambiguous one says in `alternatives` between which explanations it wavers, the latest first, and in its
 * own fields only what is the same in all of them.
 */
export interface ProvenanceCard {
  confidence: "exact" | "likely" | "ambiguous" | "none";
  /**
   * 0 for a reading that is not stored (no order yet).
   */
  version: number;
  live_session_id?: string | null;
  live_title?: string | null;
  /**
   * @maxItems 20
   */
  hosts?: string[];
  segment_from?: number | null;
  segment_to?: number | null;
  offset_from_ms?: number | null;
  offset_to_ms?: number | null;
  /**
   * @maxItems 50
   */
  promises?: Said[];
  /**
   * @maxItems 5
   */
  alternatives?: Alternative[];
  /**
   * @maxItems 50
   */
  questions?: Said[];
  /**
   * @maxItems 20
   */
  reasons?: Reason[];
}
/**
 * One coded reason for the verdict, with the numbers it rests on.
 */
export interface Reason {
  code: string;
  data?: {
    [k: string]: unknown;
  };
}
/**
 * The browser's answer for the leg that `call.join` opened.
 */
export interface Describe {
  call_id: string;
  leg_id: string;
  answer: string;
}
/**
 * Everything the console starts with, as of one read; later events build on it.
 */
export interface Desk {
  epoch: string;
  now: number;
  person_id: string;
  name: string;
  seat: Seat;
  /**
   * @maxItems 100
   */
  shops: ShopView[];
}
/**
 * An agent as the server sees him; one capacity over all his shops.
 */
export interface Seat {
  person_id: string;
  name: string;
  state: "ready" | "break" | "offline" | "wrap_up";
  reason?: string | null;
  since: number;
  connected: boolean;
  units_used: number;
  units_capacity: number;
  /**
   * Conversations he owns.
   */
  active: number;
}
/**
 * A shop of the caller with his role, its groups and colleagues.
 */
export interface ShopView {
  shop_id: string;
  name: string;
  role: "agent" | "supervisor" | "admin";
  /**
   * @maxItems 200
   */
  groups: GroupView[];
  /**
   * @maxItems 1000
   */
  colleagues: Colleague[];
}
/**
 * A skill group of a shop: a target of transfers.
 */
export interface GroupView {
  group_id: string;
  shop_id: string;
  name: string;
  accept: "auto" | "offer";
}
/**
 * An entry was stored in the desk log.
 */
export interface DeskPosted {
  conversation_id: string;
  log?: "desk";
  entry: DeskEntry;
}
/**
 * Draws on the live or the frozen picture, for both sides. The same `mark_id` again is stored once,
 * but for a line drawn by hand and a pointer, which go on.
 */
export interface DrawMark {
  call_id: string;
  mark: CallMark;
}
/**
 * The mark is stored, at this place of the call's track of marks.
 */
export interface Drawn {
  seq: number;
}
/**
 * Carries nothing: for commands without arguments and replies without data.
 */
export interface Empty {}
/**
 * This session is over; the socket closes next. `code` says why.
 */
export interface Ended {
  code: "session_expired" | "session_revoked" | "forbidden" | "too_many" | "too_large" | "rate_limited";
  message: string;
}
/**
 * Says that a recorded person asks for the deletion, and why. It is erased, or, where an open case or a
 * law needs the bytes, restricted and erased after that.
 */
export interface EraseRecording {
  recording_id: string;
  why: string;
}
/**
 * What became of one event: stored (or known already) under `seq`, or refused with a code.
 */
export interface EventResult {
  source_event_id: string | null;
  accepted: boolean;
  duplicate?: boolean;
  seq?: number | null;
  error?: ErrorCode | null;
  message?: string | null;
}
/**
 * One result for each event, in the order they were sent.
 */
export interface EventResults {
  results: EventResult[];
}
/**
 * Shows one file to this session alone.
 */
export interface FileLink {
  file_id: string;
  url: string;
}
/**
 * In the order they were asked for; good until `expires_at`, and no longer than the session.
 */
export interface FileLinks {
  links: FileLink[];
  expires_at: number;
}
/**
 * A picture is stored: made anew by the server, without what the camera wrote beside it.
 *
 * `sha256` and `size` are of the stored bytes. The same for a repeated client id.
 */
export interface FileStored {
  file_id: string;
  width: number;
  height: number;
  size: number;
  sha256: string;
  stored_at: number;
}
/**
 * Puts an uploaded picture in a shot's place. Each file fills one place.
 */
export interface FillShot {
  conversation_id: string;
  client_id: string;
  list_seq: number;
  shot: number;
  file_id: string;
  /**
   * @maxItems 3
   */
  doubts?: ("blurred" | "dark" | "bright")[];
}
/**
 * One direction as the browser measured it since the last report (`RTCPeerConnection.getStats`).
 */
export interface Flow {
  kbps: number;
  loss: number;
  jitter_ms: number;
  fps?: number;
  width?: number;
  height?: number;
  freezes?: number;
  frozen_ms?: number;
}
/**
 * Agrees to being recorded or not, by a text that was shown; refusing after agreeing withdraws.
 *
 * Without everybody's consent nothing is recorded; the call goes on all the same.
 */
export interface GiveConsent {
  call_id: string;
  granted: boolean;
  text_version: "caller-2026-11" | "agent-2026-11";
  locale: "zh-CN" | "en";
}
/**
 * The token for the link: it opens this call alone, for whoever holds it, until `expires_at`.
 */
export interface GuestInvited {
  participant_id: string;
  token: string;
  expires_at: number;
  call: Call;
}
/**
 * Gives the case to a person of its shop.
 */
export interface HoldCase {
  case_id: string;
  client_id: string;
  person_id: string;
}
/**
 * A TURN server with credentials of this call (RTCIceServer).
 */
export interface IceServer {
  /**
   * @maxItems 8
   */
  urls: string[];
  username: string;
  credential: string;
}
/**
 * Asks for a socket token in an agent's name, for tests and integrations of the shop's own server.
 */
export interface Impersonate {
  login: string;
}
/**
 * Lets somebody from outside (expert, warehouse, host) into this one call, by a link.
 */
export interface InviteGuest {
  call_id: string;
  client_id: string;
  name: string;
}
/**
 * Asks for a leg of the media: at first, and again after a reload or a changed network.
 *
 * `rejoin_token` is the one of the last join: with it the same page goes on. Without it, a call that is
 * alive on another page or device is refused `elsewhere`; `move` brings it here.
 */
export interface Join {
  call_id: string;
  rejoin_token?: string | null;
  move?: boolean;
}
/**
 * A new leg: set `offer` as the remote description, answer with `call.describe`.
 */
export interface Joined {
  call: Call;
  participant_id: string;
  leg_id: string;
  offer: string;
  /**
   * @maxItems 4
   */
  ice_servers: IceServer[];
  /**
   * @maxItems 32
   */
  tracks: Track[];
  rejoin_token: string;
}
/**
 * Whose sound or picture comes on a line of the description; null while nobody's does.
 */
export interface Track {
  mid: string;
  kind: "audio" | "video";
  participant_id?: string | null;
}
/**
 * Asks for a way into another browser, where this one has no camera. What rings here is taken by it.
 */
export interface LinkCall {
  conversation_id: string;
}
/**
 * Asks for addresses at which files of conversations that one may read can be shown.
 */
export interface LinkFiles {
  /**
   * @minItems 1
   * @maxItems 50
   */
  file_ids: [string, ...string[]];
}
/**
 * Asks for a list of the console. `all` spans open and closed ones of the caller's shops.
 */
export interface List {
  tab: "mine" | "waiting" | "all";
  shop_id?: string | null;
  /**
   * Page on: only those opened before this time.
   */
  before?: number | null;
}
/**
 * Asks for a shop's living calls; supervisors only.
 */
export interface ListCalls {
  shop_id: string;
}
/**
 * Asks for cases of the caller's shops, last changed first.
 *
 * `search` finds a number (with or without #), or the beginning of an order's id or a buyer's name; it needs
 * the shop, because there is no search across shops.
 */
export interface ListCases {
  shop_id?: string | null;
  state?: ("open" | "closed") | null;
  mine?: boolean;
  search?: string;
  before?: number | null;
}
/**
 * Asks for the buyer's own history.
 */
export interface ListOwn {
  before?: number | null;
}
/**
 * One page; `more` says that older ones exist.
 */
export interface Listed {
  /**
   * @maxItems 100
   */
  conversations: Summary[];
  more: boolean;
}
/**
 * A shop's living calls, the oldest first. `more` says that there are others than these.
 */
export interface ListedCalls {
  now: number;
  /**
   * @maxItems 100
   */
  calls: Call[];
  more: boolean;
}
/**
 * Asks for the living calls that one may join: after a reload, or when the app starts.
 */
export interface LoadCalls {}
/**
 * Asks for the console's start state.
 */
export interface LoadDesk {}
/**
 * Asks for the wall of a shop; supervisors only.
 */
export interface LoadWall {
  shop_id: string;
}
/**
 * An agent signs in with 工号, phone or e-mail, and his password.
 */
export interface Login {
  login: string;
  password: string;
}
/**
 * Asks for everything the context column shows, and to hear this conversation's events.
 */
export interface Look {
  conversation_id: string;
}
/**
 * Moves one's own side's marks forward; a lower value changes nothing.
 */
export interface Mark {
  conversation_id: string;
  delivered_seq?: number | null;
  read_seq?: number | null;
}
/**
 * Somebody drew.
 */
export interface MarkDrawn {
  call_id: string;
  entry: MarkEntry;
}
/**
 * A mark in the track: who drew what, and when by the server's clock.
 */
export interface MarkEntry {
  seq: number;
  participant_id: string;
  at: number;
  mark: CallMark;
}
/**
 * The marks as they stand after the command.
 */
export interface Marked {
  marks: Marks;
}
/**
 * Marks went forward.
 */
export interface MarksMoved {
  conversation_id: string;
  marks: Marks;
}
/**
 * The signed-in person.
 */
export interface Me {
  person_id: string;
  name: string;
  /**
   * @maxItems 100
   */
  memberships: Membership[];
}
/**
 * A shop in which a person works, and as what.
 */
export interface Membership {
  shop_id: string;
  shop_name: string;
  role: "agent" | "supervisor" | "admin";
}
/**
 * The place in line changed. `position` 1 is next; `null` means that the wait is over.
 */
export interface Moved {
  conversation_id: string;
  position?: number | null;
  /**
   * How many wait in this line.
   */
  waiting: number;
}
/**
 * Writes a note into a case's history.
 */
export interface NoteCase {
  case_id: string;
  client_id: string;
  text: string;
}
/**
 * Names a call one is part of.
 */
export interface OfCall {
  call_id: string;
}
/**
 * To the same agent: the offer is over.
 */
export interface OfferEnded {
  offer_id: string;
  outcome: "accepted" | "missed" | "declined" | "withdrawn";
}
/**
 * To one agent: this conversation is yours if you accept before `expires_at`.
 */
export interface Offered {
  offer_id: string;
  fence: number;
  expires_at: number;
  /**
   * The server's clock, so that the ring drains by the server's time.
   */
  now: number;
  /**
   * Skills and rule that led here.
   *
   * @maxItems 10
   */
  why: string[];
  summary: Summary;
}
/**
 * Opens the buyer's conversation with the shop, or goes on with the open one.
 *
 * With another order or product than before a context card is added and the agent is told.
 */
export interface Open {
  client_id: string;
  live_session_id?: string | null;
  product_id?: string | null;
  order_id?: string | null;
  position_ms?: number | null;
  topic?: string | null;
}
/**
 * Opens a case from a conversation; its opener holds it.
 */
export interface OpenCase {
  conversation_id: string;
  client_id: string;
  title: string;
  order_id?: string | null;
}
/**
 * Asks to watch a recording; again, for fresh addresses.
 */
export interface OpenRecording {
  recording_id: string;
}
/**
 * The conversation to write into. `position` is the place in line while it waits, 1 is next.
 */
export interface Opened {
  conversation_id: string;
  epoch: string;
  last_seq: number;
  position?: number | null;
  agent_name?: string | null;
}
/**
 * One line of an order; the live fields help provenance where the platform gives them.
 */
export interface OrderLine {
  line_id: string;
  product_id: string;
  sku?: string | null;
  title: string;
  quantity: number;
  price: number;
  live_session_id?: string | null;
  /**
   * Where the buyer's player stood when he ordered, from the start of the session named.
   */
  position_ms?: number | null;
}
/**
 * Events of a session in any order: plain JSON, for each is accepted or refused by itself.
 */
export interface PostLiveEvents {
  /**
   * @minItems 1
   * @maxItems 500
   */
  events: [
    {
      [k: string]: unknown;
    },
    ...{
      [k: string]: unknown;
    }[]
  ];
}
/**
 * Announces a live session. The same id again must say the same start.
 */
export interface PostLiveSession {
  id: string;
  room: string;
  title: string;
  started_at: string;
  ended_at?: string | null;
  /**
   * How far viewers are behind the host.
   */
  delay_ms?: number;
}
/**
 * An entry was stored in a log. `log` says which one; `seq` orders it.
 */
export interface Posted {
  conversation_id: string;
  log?: "public";
  entry: PublicEntry;
}
/**
 * A newer version of an order line's provenance is there; look again.
 */
export interface ProvenanceBound {
  conversation_id: string;
  order_id: string;
  line_id: string;
  provenance: ProvenanceCard;
}
/**
 * An order with its lines. `buyer` is the `sub` of the buyer's identity. Idempotent.
 */
export interface PutOrder {
  buyer: string;
  status: "placed" | "paid" | "shipped" | "delivered" | "closed";
  placed_at: string;
  paid_at?: string | null;
  total: number;
  currency?: string;
  receiver?: Receiver;
  /**
   * @minItems 1
   * @maxItems 50
   */
  lines: [OrderLine, ...OrderLine[]];
}
/**
 * Where it goes. Stored masked; the whole is not kept.
 */
export interface Receiver {
  name?: string | null;
  phone?: string | null;
  address?: string | null;
}
/**
 * A product as cards show it. Putting the same again changes nothing.
 */
export interface PutProduct {
  title: string;
  price?: number | null;
  currency?: string;
  category?: string | null;
  picture?: string | null;
}
/**
 * The pictures to ask for with a product, in this order.
 */
export interface PutShotList {
  /**
   * @maxItems 12
   */
  shots: Shot[];
}
/**
 * Somebody's connection is another in words, or he sends on another step of the ladder.
 */
export interface QualityChanged {
  call_id: string;
  participant_id: string;
  level: "good" | "fair" | "poor" | "lost";
  step: "full" | "low_resolution" | "low_rate" | "stills" | "audio_only";
}
/**
 * What a browser measured in the last seconds, and the step of the ladder on which it sends.
 */
export interface QualityReport {
  call_id: string;
  leg_id: string;
  round_trip_ms?: number | null;
  sent: Flow;
  received: Flow;
  step: "full" | "low_resolution" | "low_rate" | "stills" | "audio_only";
}
/**
 * Asks for a whole case.
 */
export interface ReadCase {
  case_id: string;
}
/**
 * Asks for what was drawn in the call of a recording, after a place in the track of marks.
 */
export interface ReadRecordingMarks {
  recording_id: string;
  after_seq: number;
}
/**
 * A message was taken back.
 */
export interface Recalled {
  conversation_id: string;
  entry: RecallEntry;
}
/**
 * Where it goes. Stored masked; the whole is not kept.
 */
export interface Receiver1 {
  name?: string | null;
  phone?: string | null;
  address?: string | null;
}
/**
 * Somebody's media was lost; he is waited for until his `reconnect_until`. `code` says what was lost.
 */
export interface Reconnecting {
  call: Call;
  participant_id?: string | null;
  code: "leg_lost" | "media_lost" | "left_page";
}
/**
 * The recording as it stands after the command.
 */
export interface RecordingChanged {
  recording: RecordingSummary;
}
/**
 * `making`: ask again in some seconds. `ready`: it is at `url` until `expires_at`. `failed`: asked again,
 * it is tried again.
 */
export interface RecordingComposed {
  state: "making" | "ready" | "failed";
  url?: string | null;
  expires_at?: number | null;
}
/**
 * Somebody agreed, to which text; he was written from `at_ms` on.
 */
export interface RecordingConsent {
  participant_id: string;
  at_ms: number;
  said_at: number;
  text_version: string;
  locale: "zh-CN" | "en";
}
/**
 * Where something is missing: packets that never came, or the sender came back with another stream.
 */
export interface RecordingGap {
  kind: "video" | "audio";
  from_ms: number;
  to_ms: number;
  reason: "lost" | "restarted";
}
/**
 * A page of the track; a mark's `at` is when its frame came; less `began_at` of the recording
 * it is its place on the time line.
 */
export interface RecordingMarks {
  /**
   * @maxItems 200
   */
  marks: MarkEntry[];
  more: boolean;
}
/**
 * A span in which nothing was written; null lasts to the end. `consent_withdrawn` names who took it back.
 *
 * `unasked`, `refused`: somebody was heard who had not answered, or had not agreed. `not_all_here`: all had
 * agreed, and buyer or agent was away.
 */
export interface RecordingPause {
  participant_id?: string | null;
  from_ms: number;
  to_ms?: number | null;
  reason: "consent_withdrawn" | "unasked" | "refused" | "not_all_here";
}
/**
 * One participant's file. All begin at the recording's zero, so two are in step at the same time.
 *
 * `errors`: how often the decoder complained. The addresses are null where nobody may watch it; `media` and
 * `poster` also where he sent none. `waveform` is JSON: `{"every_ms", "peaks"}`, peaks from 0 to 100.
 */
export interface RecordingSide {
  participant_id: string;
  role: "buyer" | "agent" | "supervisor" | "guest";
  name: string;
  frames: number;
  sounds: number;
  duration_ms: number;
  errors: number;
  /**
   * @maxItems 100
   */
  gaps: RecordingGap[];
  gap_count: number;
  gap_ms: number;
  sha256?: string | null;
  media?: string | null;
  poster?: string | null;
  waveform?: string | null;
}
/**
 * A recording with the addresses of its files: for this session, until `expires_at`.
 *
 * That they were given is in the audit. `damaged`: segments that were left out because their hash was wrong.
 */
export interface RecordingView {
  recording: RecordingSummary;
  expires_at?: number | null;
  /**
   * @maxItems 8
   */
  sides: RecordingSide[];
  /**
   * @maxItems 200
   */
  consents: RecordingConsent[];
  /**
   * @maxItems 200
   */
  pauses: RecordingPause[];
  damaged: number;
}
/**
 * Asks for a fresh token on a living session.
 */
export interface Renew {}
/**
 * The token to use from now on, and until when.
 */
export interface Renewed {
  token: string;
  expires_at: number;
}
/**
 * Goes on with a closed conversation; refused while another one of the buyer is open.
 */
export interface Reopen {
  conversation_id: string;
  client_id: string;
}
/**
 * Goes on with a closed case and says why.
 */
export interface ReopenCase {
  case_id: string;
  client_id: string;
  text: string;
}
/**
 * The conversation is open again and in line; where `fence` is given it is the caller's.
 */
export interface Reopened {
  seq: number;
  fence?: number | null;
}
/**
 * The conversation goes on.
 */
export interface ReopenedEvent {
  conversation_id: string;
  seq: number;
}
/**
 * The owner asks for pictures.
 */
export interface RequestShots {
  conversation_id: string;
  client_id: string;
  fence: number;
  /**
   * @minItems 1
   * @maxItems 12
   */
  shots: [Shot, ...Shot[]];
}
/**
 * Ends every use of a recording but keeping it, or allows it again, and says why.
 */
export interface RestrictRecording {
  recording_id: string;
  why: string;
  restricted: boolean;
}
/**
 * The owner asks for this shot once more.
 */
export interface RetakeShot {
  conversation_id: string;
  client_id: string;
  list_seq: number;
  shot: number;
  fence: number;
  note?: string;
}
/**
 * Ends a guest's link and his part in the call.
 */
export interface RevokeGuest {
  call_id: string;
  participant_id: string;
}
/**
 * One probe: how it went, and what was measured or why not.
 */
export interface SelftestFinding {
  outcome: "works" | "fails" | "untold" | "untried";
  detail?: string;
}
/**
 * Every probe of the page, in its order.
 */
export interface SelftestFindings {
  secure: SelftestFinding;
  app: SelftestFinding;
  api: SelftestFinding;
  policy: SelftestFinding;
  codecs: SelftestFinding;
  socket: SelftestFinding;
  storage: SelftestFinding;
  capture: SelftestFinding;
  screen: SelftestFinding;
  camera: SelftestFinding;
  torch: SelftestFinding;
  zoom: SelftestFinding;
  microphone: SelftestFinding;
  visibility: SelftestFinding;
}
/**
 * What is sent, all of it, as it was shown before.
 */
export interface SelftestReport {
  kept_days: 180;
  browser: string;
  platform: string;
  model: string;
  findings: SelftestFindings;
}
/**
 * The report is stored. The same one again is the same row, kept on from today.
 */
export interface SelftestStored {
  kept_until: number;
}
/**
 * The message is stored for good, at this place. The same for a repeated `client_id`.
 */
export interface Sent {
  message_id: string;
  seq: number;
  sent_at: number;
}
/**
 * This server stops; connect again after `retry_after_ms` (spread by chance).
 */
export interface ServerStopped {
  retry_after_ms: number;
}
/**
 * Tells the others what one sends: camera, microphone, screen on or off, and what of the camera can be
 * set. What is not said stays.
 */
export interface SetMedia {
  call_id: string;
  camera?: boolean | null;
  microphone?: boolean | null;
  screen?: boolean | null;
  controls?: CameraControls | null;
}
/**
 * Says that one is ready, on a break (小休, with a reason), wrapping up, or gone.
 */
export interface SetPresence {
  state: "ready" | "break" | "offline" | "wrap_up";
  reason?: string | null;
}
/**
 * The buyer cannot or does not want to take this one, and says why.
 */
export interface SkipShot {
  conversation_id: string;
  client_id: string;
  list_seq: number;
  shot: number;
  reason: string;
}
/**
 * Opens one `/agent` socket within 60 s.
 */
export interface SocketToken {
  token: string;
  expires_at: number;
}
/**
 * The still that was asked for. To the buyer: take it now and put it in the first place of this list.
 */
export interface StillAsked {
  call_id: string;
  list_seq: number;
  /**
   * Whose camera takes it.
   */
  participant_id: string;
}
/**
 * It is stored; `changed` says whether this call changed anything.
 */
export interface Stored {
  id: string;
  changed: boolean;
}
/**
 * Asks for the marks after a place in the track: after a rejoin, or when one comes later.
 */
export interface SyncMarks {
  call_id: string;
  after_seq: number;
}
/**
 * A page of the track.
 */
export interface SyncedMarks {
  /**
   * @maxItems 200
   */
  marks: MarkEntry[];
  more: boolean;
}
/**
 * To the person of a leg: whose sound and picture come on which line from now on.
 */
export interface TracksRouted {
  call_id: string;
  leg_id: string;
  /**
   * @maxItems 32
   */
  tracks: Track[];
}
/**
 * Hands the conversation on with a note: to a group's line or to a named agent.
 */
export interface Transfer {
  conversation_id: string;
  client_id: string;
  fence: number;
  group_id?: string | null;
  person_id?: string | null;
  note?: string;
}
/**
 * One is typing now; shown for a few seconds, stored nowhere.
 */
export interface Typing {
  conversation_id: string;
}
/**
 * The other side is typing.
 */
export interface TypingNow {
  conversation_id: string;
  by: "buyer" | "agent";
}
/**
 * Takes the conversation's booking back; the buyer also when the conversation is closed.
 */
export interface UnbookCall {
  conversation_id: string;
  client_id: string;
}
/**
 * Stops hearing a conversation that is not one's own.
 */
export interface Unlook {
  conversation_id: string;
}
/**
 * The shop now: rows by group (longest wait first) and every seat.
 */
export interface Wall {
  now: number;
  /**
   * @maxItems 200
   */
  groups: WallGroup[];
  /**
   * @maxItems 1000
   */
  seats: Seat[];
}
/**
 * A group's row: what waits, how long, what is served and who is there for it.
 */
export interface WallGroup {
  group_id: string;
  name: string;
  waiting: number;
  longest_wait_ms: number;
  in_service: number;
  /**
   * @maxItems 1000
   */
  ready: string[];
}
/**
 * Names the rows on the screen: from now on the caller hears these conversations, and no others that he
 * watched before. None ends it. What is not of the caller's shops is left out of the answer.
 */
export interface Watch {
  /**
   * @maxItems 100
   */
  conversation_ids: string[];
}
/**
 * The rows as they are now; what is stored later is heard.
 */
export interface Watched {
  /**
   * @maxItems 100
   */
  conversations: Summary[];
}
/**
 * What the widget must know of a shop before anybody signs in.
 */
export interface WidgetShop {
  shop_id: string;
  name: string;
  locale: "zh-CN" | "en";
  anonymous: boolean;
  accent?: string | null;
  /**
   * @maxItems 100
   */
  origins: string[];
}
/**
 * An internal note on a conversation of one's shop.
 */
export interface WriteNote {
  conversation_id: string;
  client_id: string;
  text: string;
}
export interface BuyerCommands {
  "conversation.open": {
    request: Open;
    reply: Opened;
  };
  "conversation.list": {
    request: ListOwn;
    reply: BuyerHistory;
  };
  "conversation.close": {
    request: CloseByBuyer;
    reply: Closed;
  };
  "conversation.reopen": {
    request: Reopen;
    reply: Reopened;
  };
  "chat.send": {
    request: BuyerSend;
    reply: Sent;
  };
  "chat.recall": {
    request: BuyerRecall;
    reply: Sent;
  };
  "chat.sync": {
    request: BuyerSync;
    reply: BuyerSynced;
  };
  "chat.mark": {
    request: Mark;
    reply: Marked;
  };
  "chat.type": {
    request: Typing;
    reply: Empty;
  };
  "shots.fill": {
    request: FillShot;
    reply: Sent;
  };
  "shots.skip": {
    request: SkipShot;
    reply: Sent;
  };
  "file.link": {
    request: LinkFiles;
    reply: FileLinks;
  };
  "session.renew": {
    request: Renew;
    reply: Renewed;
  };
  "call.load": {
    request: LoadCalls;
    reply: Calls;
  };
  "call.invite": {
    request: BuyerInvite;
    reply: Called;
  };
  "call.book": {
    request: BookCall;
    reply: Booked;
  };
  "call.unbook": {
    request: UnbookCall;
    reply: Booked;
  };
  "call.answer": {
    request: OfCall;
    reply: Called;
  };
  "call.decline": {
    request: OfCall;
    reply: Called;
  };
  "call.join": {
    request: Join;
    reply: Joined;
  };
  "call.describe": {
    request: Describe;
    reply: Empty;
  };
  "call.hang_up": {
    request: OfCall;
    reply: Called;
  };
  "call.consent": {
    request: GiveConsent;
    reply: Called;
  };
  "call.set": {
    request: SetMedia;
    reply: Called;
  };
  "call.report": {
    request: QualityReport;
    reply: Empty;
  };
  "call.mark": {
    request: DrawMark;
    reply: Drawn;
  };
  "call.sync": {
    request: SyncMarks;
    reply: SyncedMarks;
  };
  "call.link": {
    request: LinkCall;
    reply: CallLink;
  };
}
export interface BuyerEvents {
  "chat.posted": Posted;
  "chat.recalled": Recalled;
  "chat.marked": MarksMoved;
  "chat.typing": TypingNow;
  "queue.moved": Moved;
  "conversation.assigned": AssignedToBuyer;
  "conversation.closed": ClosedEvent;
  "conversation.reopened": ReopenedEvent;
  "call.rang": CallChanged;
  "call.answered": CallChanged;
  "call.joined": CallChanged;
  "call.reconnecting": Reconnecting;
  "call.left": CallChanged;
  "call.changed": CallChanged;
  "call.recording_changed": CallChanged;
  "call.ended": CallChanged;
  "call.moved": CallMoved;
  "call.routed": TracksRouted;
  "call.marked": MarkDrawn;
  "call.quality_changed": QualityChanged;
  "call.still_asked": StillAsked;
  "call.adjust_asked": AdjustAsked;
  "session.ended": Ended;
  "server.stopped": ServerStopped;
}
export interface AgentCommands {
  "desk.load": {
    request: LoadDesk;
    reply: Desk;
  };
  "presence.set": {
    request: SetPresence;
    reply: Seat;
  };
  "wall.load": {
    request: LoadWall;
    reply: Wall;
  };
  "conversation.list": {
    request: List;
    reply: Listed;
  };
  "conversation.look": {
    request: Look;
    reply: Context;
  };
  "conversation.unlook": {
    request: Unlook;
    reply: Empty;
  };
  "conversation.watch": {
    request: Watch;
    reply: Watched;
  };
  "conversation.accept": {
    request: Answer;
    reply: Accepted;
  };
  "conversation.decline": {
    request: Answer;
    reply: Empty;
  };
  "conversation.transfer": {
    request: Transfer;
    reply: Empty;
  };
  "conversation.close": {
    request: CloseByAgent;
    reply: Closed;
  };
  "conversation.reopen": {
    request: Reopen;
    reply: Reopened;
  };
  "chat.send": {
    request: AgentSend;
    reply: Sent;
  };
  "chat.note": {
    request: WriteNote;
    reply: Sent;
  };
  "chat.recall": {
    request: AgentRecall;
    reply: Sent;
  };
  "chat.sync": {
    request: AgentSync;
    reply: AgentSynced;
  };
  "chat.mark": {
    request: Mark;
    reply: Marked;
  };
  "chat.type": {
    request: Typing;
    reply: Empty;
  };
  "shots.request": {
    request: RequestShots;
    reply: Sent;
  };
  "shots.retake": {
    request: RetakeShot;
    reply: Sent;
  };
  "file.link": {
    request: LinkFiles;
    reply: FileLinks;
  };
  "case.open": {
    request: OpenCase;
    reply: CaseView;
  };
  "case.list": {
    request: ListCases;
    reply: CasesListed;
  };
  "case.read": {
    request: ReadCase;
    reply: CaseView;
  };
  "case.note": {
    request: NoteCase;
    reply: CaseView;
  };
  "case.hold": {
    request: HoldCase;
    reply: CaseView;
  };
  "case.close": {
    request: CloseCase;
    reply: CaseView;
  };
  "case.reopen": {
    request: ReopenCase;
    reply: CaseView;
  };
  "recording.open": {
    request: OpenRecording;
    reply: RecordingView;
  };
  "recording.marks": {
    request: ReadRecordingMarks;
    reply: RecordingMarks;
  };
  "recording.compose": {
    request: ComposeRecording;
    reply: RecordingComposed;
  };
  "recording.erase": {
    request: EraseRecording;
    reply: RecordingChanged;
  };
  "recording.restrict": {
    request: RestrictRecording;
    reply: RecordingChanged;
  };
  "call.load": {
    request: LoadCalls;
    reply: Calls;
  };
  "call.list": {
    request: ListCalls;
    reply: ListedCalls;
  };
  "call.invite": {
    request: AgentInvite;
    reply: Called;
  };
  "call.book": {
    request: AgentBook;
    reply: Booked;
  };
  "call.unbook": {
    request: AgentUnbook;
    reply: Booked;
  };
  "call.answer": {
    request: OfCall;
    reply: Called;
  };
  "call.decline": {
    request: OfCall;
    reply: Called;
  };
  "call.join": {
    request: Join;
    reply: Joined;
  };
  "call.describe": {
    request: Describe;
    reply: Empty;
  };
  "call.hang_up": {
    request: OfCall;
    reply: Called;
  };
  "call.consent": {
    request: GiveConsent;
    reply: Called;
  };
  "call.set": {
    request: SetMedia;
    reply: Called;
  };
  "call.report": {
    request: QualityReport;
    reply: Empty;
  };
  "call.mark": {
    request: DrawMark;
    reply: Drawn;
  };
  "call.sync": {
    request: SyncMarks;
    reply: SyncedMarks;
  };
  "call.still": {
    request: AskStill;
    reply: StillAsked;
  };
  "call.adjust": {
    request: AdjustCamera;
    reply: AdjustAsked;
  };
  "call.listen": {
    request: OfCall;
    reply: Called;
  };
  "call.whisper": {
    request: OfCall;
    reply: Called;
  };
  "call.barge": {
    request: OfCall;
    reply: Called;
  };
  "call.take_over": {
    request: OfCall;
    reply: Called;
  };
  "call.invite_guest": {
    request: InviteGuest;
    reply: GuestInvited;
  };
  "call.revoke_guest": {
    request: RevokeGuest;
    reply: Called;
  };
}
export interface AgentEvents {
  "chat.posted": Posted;
  "chat.noted": DeskPosted;
  "chat.recalled": Recalled;
  "chat.marked": MarksMoved;
  "chat.typing": TypingNow;
  "conversation.offered": Offered;
  "conversation.offer_ended": OfferEnded;
  "conversation.taken": AssignedToAgent;
  "conversation.closed": ClosedEvent;
  "conversation.reopened": ReopenedEvent;
  "conversation.changed": Changed;
  "provenance.bound": ProvenanceBound;
  "case.changed": CaseChanged;
  "presence.changed": Seat;
  "call.rang": CallChanged;
  "call.answered": CallChanged;
  "call.joined": CallChanged;
  "call.reconnecting": Reconnecting;
  "call.left": CallChanged;
  "call.changed": CallChanged;
  "call.recording_changed": CallChanged;
  "call.ended": CallChanged;
  "call.moved": CallMoved;
  "call.routed": TracksRouted;
  "call.marked": MarkDrawn;
  "call.quality_changed": QualityChanged;
  "call.still_asked": StillAsked;
  "session.ended": Ended;
  "server.stopped": ServerStopped;
}
export interface GuestCommands {
  "call.load": {
    request: LoadCalls;
    reply: Calls;
  };
  "call.join": {
    request: Join;
    reply: Joined;
  };
  "call.describe": {
    request: Describe;
    reply: Empty;
  };
  "call.hang_up": {
    request: OfCall;
    reply: Called;
  };
  "call.consent": {
    request: GiveConsent;
    reply: Called;
  };
  "call.set": {
    request: SetMedia;
    reply: Called;
  };
  "call.report": {
    request: QualityReport;
    reply: Empty;
  };
  "call.mark": {
    request: DrawMark;
    reply: Drawn;
  };
  "call.sync": {
    request: SyncMarks;
    reply: SyncedMarks;
  };
}
export interface GuestEvents {
  "call.joined": CallChanged;
  "call.reconnecting": Reconnecting;
  "call.left": CallChanged;
  "call.changed": CallChanged;
  "call.recording_changed": CallChanged;
  "call.ended": CallChanged;
  "call.moved": CallMoved;
  "call.routed": TracksRouted;
  "call.marked": MarkDrawn;
  "call.quality_changed": QualityChanged;
  "session.ended": Ended;
  "server.stopped": ServerStopped;
}
