"""Why a journey fails: the closed vocabulary that reports, metrics, dashboards and notices share."""

from __future__ import annotations

import ssl
from enum import StrEnum


class Reason(StrEnum):
    """One value for each kind of failure that a person on call would treat differently."""

    NAME_NOT_RESOLVED = "name_not_resolved"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    TLS_FAILED = "tls_failed"
    CLIENT_CERTIFICATE_REFUSED = "client_certificate_refused"
    TIMEOUT = "timeout"
    TOO_SLOW = "too_slow"
    BROKEN_RESPONSE = "broken_response"
    UNEXPECTED_STATUS = "unexpected_status"
    UNEXPECTED_REDIRECT = "unexpected_redirect"
    CONTENT_MISSING = "content_missing"
    MAINTENANCE_PAGE = "maintenance_page"
    WAITING_ROOM = "waiting_room"
    PLACE_LOST = "place_lost"
    WAITING_ROOM_BYPASSED = "waiting_room_bypassed"
    LOGIN_REFUSED = "login_refused"
    CODE_REJECTED = "code_rejected"
    SESSION_LOST = "session_lost"
    RETURN_NOT_ACCEPTED = "return_not_accepted"
    RETURN_MESSAGE_MISSING = "return_message_missing"
    DISRUPTION_ANNOUNCED = "disruption_announced"
    NOTICE_MISSING = "notice_missing"
    NOTICE_STALE = "notice_stale"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_EXPIRES_SOON = "certificate_expires_soon"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    CERTIFICATE_WRONG_HOST = "certificate_wrong_host"
    WRONG_ADDRESS = "wrong_address"
    NUMBER_UNALLOCATED = "number_unallocated"
    NUMBER_CHANGED = "number_changed"
    NUMBER_INVALID = "number_invalid"
    NO_ROUTE = "no_route"
    LINE_BUSY = "line_busy"
    NO_ANSWER = "no_answer"
    NO_PROGRESS = "no_progress"
    LINE_UNREACHABLE = "line_unreachable"
    CALL_REJECTED = "call_rejected"
    CONGESTION = "congestion"
    PLATFORM_ERROR = "platform_error"
    MEDIA_REFUSED = "media_refused"
    NO_MEDIA = "no_media"
    SILENT_LINE = "silent_line"
    ERROR_TONE = "error_tone"
    CUT_OFF = "cut_off"
    WRONG_PROMPT = "wrong_prompt"
    MENU_DEAD = "menu_dead"
    QUEUE_MISSED = "queue_missed"
    NOT_RELEASED = "not_released"

    @property
    def meaning(self) -> str:
        """One line for people."""
        return _MEANINGS[self]


_MEANINGS = {
    Reason.NAME_NOT_RESOLVED: "the host name could not be resolved",
    Reason.CONNECTION_REFUSED: "no connection: the port refused it or nothing answered",
    Reason.CONNECTION_RESET: "the connection was closed before the answer was complete",
    Reason.TLS_FAILED: "the TLS handshake or the certificate failed",
    Reason.CLIENT_CERTIFICATE_REFUSED: "the server refuses the certificate that we show, or that we show none",
    Reason.TIMEOUT: "no answer in time",
    Reason.TOO_SLOW: "an answer, but slower than its limit",
    Reason.BROKEN_RESPONSE: "the answer is not valid HTTP",
    Reason.UNEXPECTED_STATUS: "another status code than expected",
    Reason.UNEXPECTED_REDIRECT: "a redirect to another place than it may, or too many redirects",
    Reason.CONTENT_MISSING: "the status is right, the expected content is not there",
    Reason.MAINTENANCE_PAGE: "a maintenance page in place of the service",
    Reason.WAITING_ROOM: "still held in the waiting room when patience ended",
    Reason.PLACE_LOST: "the place in the waiting room had expired",
    Reason.WAITING_ROOM_BYPASSED: "admitted without passing the waiting room",
    Reason.LOGIN_REFUSED: "the login was refused",
    Reason.CODE_REJECTED: "the SMS or activation code was rejected",
    Reason.SESSION_LOST: "the session was not recognised any more",
    Reason.RETURN_NOT_ACCEPTED: "the return was not accepted or its receipt is missing",
    Reason.RETURN_MESSAGE_MISSING: "submitted and accepted, and no return message came in time",
    Reason.DISRUPTION_ANNOUNCED: "the website announces a disruption",
    Reason.NOTICE_MISSING: "a page is without the disruption notice that it should show",
    Reason.NOTICE_STALE: "the disruption notice announced an update for a moment that has passed",
    Reason.CERTIFICATE_EXPIRED: "the certificate is not valid any more, or not yet",
    Reason.CERTIFICATE_EXPIRES_SOON: "the certificate is valid, but will not be for much longer",
    Reason.CERTIFICATE_UNTRUSTED: "the certificate's chain leads to no authority that is trusted",
    Reason.CERTIFICATE_WRONG_HOST: "the certificate is for another host",
    Reason.WRONG_ADDRESS: "the name leads to another address than it should",
    Reason.NUMBER_UNALLOCATED: "the number is not in use (any more)",
    Reason.NUMBER_CHANGED: "the number has changed or the call is sent elsewhere",
    Reason.NUMBER_INVALID: "the number is not valid where it was dialled",
    Reason.NO_ROUTE: "the network knows no way to the line, or goes round in circles",
    Reason.LINE_BUSY: "the line is busy: all of its channels are taken",
    Reason.NO_ANSWER: "it rings and nobody and nothing answers",
    Reason.NO_PROGRESS: "the call is accepted and never rings: forwarding is broken",
    Reason.LINE_UNREACHABLE: "what serves the line is out of reach",
    Reason.CALL_REJECTED: "the line refuses the call",
    Reason.CONGESTION: "the network or the platform has no room for the call",
    Reason.PLATFORM_ERROR: "the platform that serves the line fails",
    Reason.MEDIA_REFUSED: "no codec is agreed upon",
    Reason.NO_MEDIA: "answered, and no audio arrives",
    Reason.SILENT_LINE: "answered, and there is nothing but silence to hear",
    Reason.ERROR_TONE: "answered, and a tone says that the call went wrong",
    Reason.CUT_OFF: "the far end hangs up before the call is where it should be",
    Reason.WRONG_PROMPT: "answered, and nobody speaks",
    Reason.MENU_DEAD: "the menu does not react to the digit",
    Reason.QUEUE_MISSED: "the call does not reach the queue: neither ringback nor music",
    Reason.NOT_RELEASED: "the far end never confirmed the end of the call",
}

# Alerts (RFC 8446, 6.2) by which a server speaks of the client's certificate, as OpenSSL ends their names.
_OF_OUR_CERTIFICATE = (
    "BAD_CERTIFICATE",
    "UNSUPPORTED_CERTIFICATE",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA",
    "ACCESS_DENIED",
    "CERTIFICATE_REQUIRED",
)


def explain_tls(error: ssl.SSLError) -> Reason:
    """Return why TLS failed. In TLS 1.3 a server judges our certificate when the handshake is over for us."""
    alert = getattr(error, "reason", None) or ""  # None or absent where Python itself raised it
    refused = "_ALERT_" in alert and alert.endswith(_OF_OUR_CERTIFICATE)
    return Reason.CLIENT_CERTIFICATE_REFUSED if refused else Reason.TLS_FAILED
