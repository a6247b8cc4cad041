"""Every way a request can be refused: one code, one HTTP status and one sentence in each language.

A refusal crosses the wire as `{code, message, data}`. Clients act on `code`; people read `message`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """Machine codes. Declared here or not sent at all."""

    # What arrived cannot be understood.
    bad_request = "bad_request"
    unknown_command = "unknown_command"
    too_large = "too_large"
    too_deep = "too_deep"
    binary_refused = "binary_refused"
    not_a_picture = "not_a_picture"
    too_many_pixels = "too_many_pixels"
    # Who is asking.
    unauthenticated = "unauthenticated"
    session_expired = "session_expired"
    session_revoked = "session_revoked"
    login_failed = "login_failed"
    insecure_transport = "insecure_transport"
    origin_refused = "origin_refused"
    identity_invalid = "identity_invalid"
    identity_expired = "identity_expired"
    anonymous_refused = "anonymous_refused"
    code_used = "code_used"
    forbidden = "forbidden"
    # What he asks for.
    not_found = "not_found"
    conversation_closed = "conversation_closed"
    stale_fence = "stale_fence"
    already_taken = "already_taken"
    offer_ended = "offer_ended"
    at_capacity = "at_capacity"
    recall_refused = "recall_refused"
    resync = "resync"
    conflict = "conflict"
    # Of calls.
    unassigned = "unassigned"
    busy = "busy"
    ring_over = "ring_over"
    call_ended = "call_ended"
    elsewhere = "elsewhere"
    not_joined = "not_joined"
    stale_leg = "stale_leg"
    description_refused = "description_refused"
    camera_incapable = "camera_incapable"
    media_away = "media_away"
    # How much, and when.
    rate_limited = "rate_limited"
    too_many = "too_many"
    retry = "retry"
    internal = "internal"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means: `status` for HTTP, one sentence a language that says what to do."""

    status: int
    en: str
    zh: str


E = ErrorCode
MEANINGS: dict[ErrorCode, Meaning] = {
    E.bad_request: Meaning(400, "The request does not have the declared shape.", "请求格式不正确。"),
    E.unknown_command: Meaning(404, "There is no such command here.", "没有这个命令。"),
    E.too_large: Meaning(413, "The message is larger than allowed.", "内容太大，请精简后再发。"),
    E.too_deep: Meaning(400, "The message is nested deeper than allowed.", "内容嵌套过深。"),
    E.binary_refused: Meaning(400, "Binary packets are not accepted.", "不接受二进制数据。"),
    E.not_a_picture: Meaning(
        415, "This is not a whole JPEG, PNG or WebP picture.", "这不是完整的 JPEG、PNG 或 WebP 图片。"
    ),
    E.too_many_pixels: Meaning(
        413, "The picture has more pixels than are accepted.", "图片像素过大，请缩小后再发。"
    ),
    E.unauthenticated: Meaning(401, "Sign in first.", "请先登录。"),
    E.session_expired: Meaning(401, "The session has expired; sign in again.", "登录已过期，请重新登录。"),
    E.session_revoked: Meaning(401, "This session has been ended.", "本次登录已被结束。"),
    E.login_failed: Meaning(401, "Login or password is wrong.", "账号或密码不正确。"),
    E.insecure_transport: Meaning(
        403,
        "Signing in needs https: over plain http a password could be read on the way.",
        "登录需要 https：明文 http 会泄露密码。",
    ),
    E.origin_refused: Meaning(
        403, "This site is not on the shop's list of origins.", "该网站不在店铺的来源白名单中。"
    ),
    E.identity_invalid: Meaning(
        401, "The signed identity cannot be verified for this shop.", "身份令牌无法通过本店验证。"
    ),
    E.identity_expired: Meaning(
        401, "The signed identity has expired; ask for a new one.", "身份令牌已过期，请重新获取。"
    ),
    E.anonymous_refused: Meaning(401, "This shop serves signed-in buyers only.", "本店仅接待已登录的买家。"),
    E.code_used: Meaning(401, "This one-time code is used up or has expired.", "一次性链接已使用或已过期。"),
    E.forbidden: Meaning(403, "Your role does not allow this.", "你的角色无权进行此操作。"),
    E.not_found: Meaning(404, "There is no such thing here.", "没有找到。"),
    E.conversation_closed: Meaning(409, "The conversation is closed.", "会话已结束。"),
    E.stale_fence: Meaning(
        409,
        "The conversation is no longer yours: it went on to someone else.",
        "会话已转给他人，刚才的操作没有生效。",
    ),
    E.already_taken: Meaning(409, "Someone else was faster.", "已被其他客服接起。"),
    E.offer_ended: Meaning(409, "The offer has ended.", "该分配已失效。"),
    E.at_capacity: Meaning(409, "That agent has no room left.", "对方接待量已满。"),
    E.recall_refused: Meaning(
        409,
        "Only one's own message of the last two minutes can be recalled.",
        "只能撤回自己两分钟内发出的消息。",
    ),
    E.resync: Meaning(
        409, "The cursor is not from this database; read from the start.", "本地进度已失效，请重新同步。"
    ),
    E.conflict: Meaning(409, "It is in conflict with what is stored.", "与已有内容冲突。"),
    E.unassigned: Meaning(
        409,
        "Nobody has taken the conversation yet; ask again when somebody has.",
        "还没有客服接待，接通后再发起通话。",
    ),
    E.busy: Meaning(
        409, "There is no room for a call just now; call back in a moment.", "现在无法接通视频，请稍后再试。"
    ),
    E.ring_over: Meaning(409, "The ring is over.", "响铃已结束。"),
    E.call_ended: Meaning(409, "The call has ended.", "通话已结束。"),
    E.elsewhere: Meaning(
        409, "The call is open on another page or device.", "通话正在其他页面或设备上进行。"
    ),
    E.not_joined: Meaning(409, "Join the call first.", "请先加入通话。"),
    E.stale_leg: Meaning(409, "A newer connection of yours carries the call.", "通话已由新的连接接替。"),
    E.description_refused: Meaning(
        400, "The session description cannot be used.", "媒体协商信息无效，请重新加入通话。"
    ),
    E.camera_incapable: Meaning(409, "The camera cannot do that now.", "对方的摄像头现在做不到。"),
    E.media_away: Meaning(
        503,
        "This server has no video at present; the chat goes on.",
        "本服务器目前没有视频通话，聊天不受影响。",
    ),
    E.rate_limited: Meaning(429, "Too fast; wait a moment.", "操作太快了，请稍后再试。"),
    E.too_many: Meaning(429, "The limit for this is reached.", "已达到数量上限。"),
    E.retry: Meaning(503, "Not stored; try again in a moment.", "暂时没有保存成功，请重试。"),
    E.internal: Meaning(
        500, "Something failed on our side; it has been noted.", "服务器出错了，我们已记录。"
    ),
}


class Refused(Exception):
    """A request that is answered with a code instead of a result.

    Raise the specific code where the rule stands; the one door (`signaling.dispatch`, `server.http`)
    turns it into an answer. `data` holds only what helps the caller (never personal data).
    """

    def __init__(self, code: ErrorCode, detail: str | None = None, **data: Any) -> None:
        super().__init__(detail or MEANINGS[code].en)
        self.code = code
        self.detail = detail
        self.data = data

    def as_wire(self) -> dict[str, Any]:
        """The `error` object of the envelope: `{code, message, data}`."""
        return {"code": self.code.value, "message": str(self), "data": self.data}
