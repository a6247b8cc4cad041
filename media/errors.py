"""What can go wrong with a call's media, by code: one table, one exception.

A code goes to the caller of the control protocol, the sentence to logs and operators. Neither carries an
address, a credential or anything else of a person.
"""

from __future__ import annotations

from typing import Final

CODES: Final = {
    # The answer of a participant's browser, checked by media.negotiation.
    "answer_too_large": "The SDP answer is longer than any browser writes.",
    "answer_malformed": "The SDP answer cannot be read.",
    "answer_mismatch": "The SDP answer does not have the media lines of the offer, in their order.",
    "answer_rejects_line": "The SDP answer rejects a media line or leaves it out of the bundle.",
    "answer_codec_missing": "The SDP answer lacks Opus, VP8 or its retransmissions as they were offered.",
    "answer_without_rtcp_mux": "The SDP answer wants RTCP on a port of its own.",
    "answer_setup": "The SDP answer does not take the active part in DTLS.",
    "answer_fingerprint": "The SDP answer has no fingerprint of a hash that is allowed.",
    "answer_ice": "The SDP answer has no usable ICE user name and password.",
    # A room and who is in it.
    "busy": "This media process takes no more participants now.",
    "room_exists": "There is a room of this name already.",
    "room_unknown": "There is no such room here.",
    "room_full": "No more participants can hear each other in one room.",
    "participant_unknown": "There is no such participant in the room.",
    "already_answered": "The offer of this participant was answered already.",
    "route_impossible": "This participant cannot hear that one: not in the room, itself, or no seat is free.",
    "no_port": "No UDP port of the configured range is free.",
    # Ends of a participant's connection.
    "left": "The participant left.",
    "rejoined": "The participant came back on a new connection.",
    "never_connected": "No connection came about in time.",
    "handshake_failed": "The keys could not be agreed on: the DTLS handshake failed.",
    "connection_lost": "The other side stopped answering.",
    "room_closed": "The room was closed.",
    "worker_lost": "The media process ended.",
    # The control protocol.
    "frame_too_large": "A frame of the control protocol is longer than allowed.",
    "frame_malformed": "A frame of the control protocol is no JSON object with an id and a verb.",
    "verb_unknown": "The control protocol has no such verb.",
    "arguments_invalid": "The arguments of this verb are missing or of the wrong kind.",
    "too_slow": "The other side of the control protocol does not read its replies.",
    "timed_out": "The media process did not reply in time.",
    "internal": "The media process failed at this request.",
}


class MediaError(Exception):
    """Something of `CODES` happened."""

    def __init__(self, code: str) -> None:
        super().__init__(CODES[code])
        self.code = code
