# ruff: noqa: N818 - a refusal is named for what it says; "CourseFullError" says nothing more
"""Every refusal of the platform, one class each: its code, status and sentence.

The root and one parent per status come first. ``app.http.problems`` is the only place that renders them
(RFC 9457); a code is part of the API and never changes its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

MAX_FIELD_ERRORS: Final = 20
"""Most invalid fields that one response names; a client can send many more."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """An invalid field of a request; ``field`` is its dotted path, such as ``body.email``."""

    field: str
    message: str
    code: str


class LmsError(Exception):
    """A refused request, with the facts that ``sentence`` names.

    ``sentence`` is a format string over the facts; ``example`` has facts for the API's documentation.
    Only the first 20 ``errors`` are kept.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal server error"
    sentence: ClassVar[str] = "The server failed. Report the request id."
    example: ClassVar[Mapping[str, Any]] = {}
    kind: ClassVar[str] = ""
    """The problem type of a standard; empty: one of ours, which is named for ``code``."""
    headers: Mapping[str, str] = {}
    violated: tuple[str, ...] = ()

    def __init__(self, *, errors: tuple[FieldError, ...] = (), **facts: object) -> None:
        self.detail = self.sentence.format(**facts)
        self.errors = errors[:MAX_FIELD_ERRORS]
        super().__init__(self.detail)

    @classmethod
    def sample(cls) -> LmsError:
        """Returns an instance with the documentation's facts."""
        return cls(**cls.example)


class BadRequest(LmsError):
    """The request could not be read at all."""

    status = 400
    code = "malformed_request"
    title = "Malformed request"
    sentence = "The request could not be read: {reason}"
    example: ClassVar[Mapping[str, Any]] = {"reason": "There was an error parsing the body"}


class Unauthenticated(LmsError):
    """The caller is not authenticated. Responses carry ``WWW-Authenticate`` (RFC 6750, 3)."""

    status = 401
    code = "not_authenticated"
    title = "Sign in first"
    sentence = "Send an access token: Authorization: Bearer <token>."
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class Forbidden(LmsError):
    """The caller is authenticated but may not do this."""

    status = 403
    code = "forbidden"
    title = "Not allowed"
    sentence = "You may not do this."


class NotFound(LmsError):
    """There is no such resource, or the caller may not see it."""

    status = 404
    code = "not_found"
    title = "Not found"
    sentence = "There is nothing at {path}."
    example: ClassVar[Mapping[str, Any]] = {"path": "/api/v1/nothing"}


class MethodNotAllowed(LmsError):
    """The path exists but does not support this method."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"
    sentence = "{path} does not support {method}."
    example: ClassVar[Mapping[str, Any]] = {"path": "/api/v1/courses", "method": "PUT"}


class RequestTimeout(LmsError):
    """The request did not arrive in full in time; the connection is closed."""

    status = 408
    code = "request_timeout"
    title = "Request timed out"
    sentence = "The {part} of the request did not arrive within {seconds:g} s."
    example: ClassVar[Mapping[str, Any]] = {"part": "head", "seconds": 10}


class Conflict(LmsError):
    """The request is valid but conflicts with the current state."""

    status = 409
    code = "conflict"
    title = "Conflict"
    sentence = "The request conflicts with the current state."


class BodyTooLarge(LmsError):
    """The body is larger than the limit."""

    status = 413
    code = "body_too_large"
    title = "Request body too large"
    sentence = "The request body is larger than {limit} bytes."
    example: ClassVar[Mapping[str, Any]] = {"limit": 1_000_000}


class HeadersTooLarge(LmsError):
    """The request line and headers are larger than the limit; the connection is closed."""

    status = 431
    code = "headers_too_large"
    title = "Request headers too large"
    sentence = "The request line and headers are larger than {limit} bytes."
    example: ClassVar[Mapping[str, Any]] = {"limit": 32_768}


class TooManyHeaders(LmsError):
    """The request has more header fields than the limit; the connection is closed."""

    status = 431
    code = "too_many_headers"
    title = "Too many request headers"
    sentence = "The request has more than {limit} header fields."
    example: ClassVar[Mapping[str, Any]] = {"limit": 100}


class Invalid(LmsError):
    """The request was read, but one of its fields is invalid."""

    status = 422
    code = "validation_failed"
    title = "Validation failed"
    sentence = "The request has {count} invalid field(s); see errors."
    example: ClassVar[Mapping[str, Any]] = {"count": 1}


class CursorInvalid(Invalid):
    """The cursor was not issued by this server."""

    code = "cursor_invalid"
    title = "Cursor not valid"
    sentence = "The cursor does not belong to this list; start without one."


class QuotaExceeded(LmsError):
    """Too many requests. The violated policies are in `violated-policies`, the wait is in `Retry-After`.

    Source: draft-ietf-httpapi-ratelimit-headers-11, which also defines the type.
    """

    status = 429
    code = "quota_exceeded"
    kind = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    title = "Too many requests"
    sentence = "There were too many requests; try again in {seconds} s."
    example: ClassVar[Mapping[str, Any]] = {"seconds": 30, "violated": ("login-address",)}

    def __init__(self, *, seconds: int, violated: tuple[str, ...]) -> None:
        super().__init__(seconds=seconds)
        self.headers = {"Retry-After": str(seconds)}
        self.violated = violated


class Unavailable(LmsError):
    """A dependency of the request does not answer; the same request may succeed in a moment."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"
    sentence = "The server cannot answer now; try again in a moment."
    headers: Mapping[str, str] = {"Retry-After": "2"}


class TooManyConnections(Unavailable):
    """This process has reached its connection limit."""

    code = "too_many_connections"
    title = "Too many connections"
    sentence = "The server has too many open connections; try again in a moment."


class ClientGone(LmsError):
    """The client disconnected before its turn came: no work was started, and nobody reads the response."""

    status = 499  # what nginx logs; RFC 9110 has no status for a response that nobody reads
    code = "client_gone"
    title = "Client closed the connection"
    sentence = "The connection was closed before the request's turn came."


# --- signing in ------------------------------------------------------------------------------------------


class TokenInvalid(Unauthenticated):
    """The token was not issued here, or was altered."""

    code = "token_invalid"
    title = "Token not valid"
    sentence = "The token is not valid; sign in again."


class TokenExpired(Unauthenticated):
    """The token has expired."""

    code = "token_expired"
    title = "Token expired"
    sentence = "The token has expired; refresh it or sign in again."


class TokenRevoked(Unauthenticated):
    """The session was ended: by its user, by a role change, or because a refresh token was used twice."""

    code = "token_revoked"
    title = "Token revoked"
    sentence = "The session has ended; sign in again."


class CredentialsInvalid(Unauthenticated):
    """The email address or the password is wrong; the response does not say which."""

    code = "credentials_invalid"
    title = "Wrong email address or password"
    sentence = "No account has this email address and password."


class PasswordsBusy(Unavailable):
    """The queue for password hashing is full."""

    code = "passwords_busy"
    title = "Too many sign-ins at once"
    sentence = "Too many people are signing in; try again in a moment."


class RefreshReused(Unauthenticated):
    """A refresh token was used twice: it was stolen, or a response was lost. The session ends."""

    code = "refresh_reused"
    title = "Refresh token already used"
    sentence = "This refresh token was already used, so its session was ended; sign in again."


class RoleRequired(Forbidden):
    """The caller lacks the required role."""

    code = "role_required"
    title = "Another role is required"
    sentence = "This needs the role {roles}."
    example: ClassVar[Mapping[str, Any]] = {"roles": "instructor or admin"}


class SessionsUnavailable(Unavailable):
    """The session store (Redis) does not answer; operations that must not fail open fail closed."""

    code = "sessions_unavailable"
    title = "Session store unavailable"
    sentence = "Sessions cannot be changed now; your access token still works. Try again in a moment."


class DatabaseUnavailable(Unavailable):
    """The database does not answer within its time limits."""

    code = "database_unavailable"
    title = "Database unavailable"
    sentence = "The database does not answer; nothing was acknowledged. Try again in a moment."
