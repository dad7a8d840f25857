"""
Every error that TracePulse raises on purpose.

TracePulseError
  SenderError             what a client sent is at fault: answered 4xx, never logged as ours
    MalformedBody           it cannot be parsed as what it claims to be
    LimitExceeded           it is larger, deeper or more than is allowed
    TooSlow                 its end did not come in time
    Unauthorized            no key, a wrong key, or a key without the scope
    NotFound                the named object does not exist
    BadQuestion             a query that cannot be answered as asked
  OperatorError           configuration or surroundings: one line, exit status 2, nothing changed
    BadSetting              a flag, variable or file entry that cannot be used
    Unavailable             a port, folder or server that cannot be used now
      SourceFailure           a system that logs are fetched from does not answer as it should
  Overloaded              a passing lack of room: 429 or 503 with a time to try again
  InternalError           our bug
    EngineError             the storage engine refused a statement of ours
"""

__all__ = [
    "BadQuestion",
    "BadSetting",
    "EngineError",
    "InternalError",
    "LimitExceeded",
    "MalformedBody",
    "NotFound",
    "OperatorError",
    "Overloaded",
    "SenderError",
    "SourceFailure",
    "TooSlow",
    "TracePulseError",
    "Unauthorized",
    "Unavailable",
]


class TracePulseError(Exception):
    """Root of all errors; its text says what was seen, where, and what to do."""


class SenderError(TracePulseError):
    """What a client sent is at fault."""


class MalformedBody(SenderError):
    """The body cannot be parsed as what it claims to be."""


class LimitExceeded(SenderError):
    """The body is larger, deeper or more numerous than is allowed."""


class TooSlow(SenderError):
    """The end of the body did not come in the time that a body may take."""


class Unauthorized(SenderError):
    """No key, a wrong key, or a key without the scope that is needed."""


class NotFound(SenderError):
    """The named object does not exist."""


class BadQuestion(SenderError):
    """A query that cannot be answered as it was asked."""


class OperatorError(TracePulseError):
    """Configuration or surroundings are at fault; exit status 2."""


class BadSetting(OperatorError):
    """A flag, variable or file entry cannot be used."""


class Unavailable(OperatorError):
    """A port, folder or server cannot be used now."""


class SourceFailure(Unavailable):
    """A system that is asked for its logs does not answer as it should."""

    def __init__(self, message: str, lasting: bool = False, retry_after_s: float = 0.0) -> None:
        """Note also whether asking again soon is of no use, and how long it asks us to wait."""
        super().__init__(message)
        self.lasting = lasting
        self.retry_after_s = retry_after_s


class Overloaded(TracePulseError):
    """There is no room at the moment; the sender should try again."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class InternalError(TracePulseError):
    """A bug of ours."""


class EngineError(InternalError):
    """The storage engine refused a statement of ours."""
