"""
Messages in a syslog stream over TCP, RFC 6587: counted octets, or lines.

    66 <34>1 2024-03-05T10:00:00Z …            the count, a space, so many octets
    <34>Mar  5 10:00:00 host su: …             up to a line end

The first octet of a connection tells which: a count begins with a digit, a message does not. Senders do
not change their framing, so what is no count where one must stand is read as lines from there on.
"""

from dataclasses import dataclass

__all__ = ["MAX_MESSAGE_BYTES", "Framing"]

MAX_MESSAGE_BYTES = 64 * 1024
"""RFC 5424 asks for 2 KiB at the least; a log record's body has room for 64 KiB. Of a longer message
the beginning is kept, one octet longer than this, so that it is seen to be cut."""
_MAX_COUNT_DIGITS = 9
_BETWEEN = b"\n\r\0 "


@dataclass(slots=True)
class Framing:
    """Takes one connection's octets as they come, and gives the messages in them."""

    counted: bool | None = None
    """None before the first octet."""
    _rest: bytes = b""
    _skip: int = 0
    """Octets of a message that was too long, still to come."""
    _in_cut_line: bool = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete now; holds one message at most."""
        data = self._rest + data
        self._rest = b""
        if self.counted is None:
            data = data.lstrip(_BETWEEN)
            if not data:
                return []
            self.counted = data[:1].isdigit()
        return self._counted(data) if self.counted else self._lines(data)

    def finish(self) -> list[bytes]:
        """Return what was left when the connection ended: the beginning of a message, perhaps."""
        rest, self._rest = self._rest, b""
        if self.counted:
            rest = rest.partition(b" ")[2]
        return [rest] if rest and not self._in_cut_line else []

    def _counted(self, data: bytes) -> list[bytes]:
        messages: list[bytes] = []
        at = min(self._skip, len(data))
        self._skip -= at
        while at < len(data):
            space = data.find(b" ", at, at + _MAX_COUNT_DIGITS + 1)
            digits = data[at:space] if space >= 0 else data[at : at + _MAX_COUNT_DIGITS + 1]
            if not digits.isdigit() or (space < 0 and len(digits) > _MAX_COUNT_DIGITS):
                if data[at] in _BETWEEN:  # some senders end counted messages with a line end too
                    at += 1
                    continue
                self.counted = False
                return messages + self._lines(data[at:])
            if space < 0:
                break
            length = int(digits)
            end = space + 1 + length
            if length > MAX_MESSAGE_BYTES and len(data) - space > MAX_MESSAGE_BYTES + 1:
                messages.append(data[space + 1 : space + 2 + MAX_MESSAGE_BYTES])
                self._skip = max(end - len(data), 0)
                at = min(end, len(data))
            elif end <= len(data):
                messages.append(data[space + 1 : end])
                at = end
            else:
                break
        self._rest = data[at:]
        return messages

    def _lines(self, data: bytes) -> list[bytes]:
        messages = (
            data.split(b"\n") if b"\0" not in data else data.replace(b"\0", b"\n").split(b"\n")
        )
        rest = messages.pop()
        if self._in_cut_line and messages:
            self._in_cut_line = False
            del messages[0]
        messages = [line[: MAX_MESSAGE_BYTES + 1] for line in messages if line]
        if self._in_cut_line:
            return messages
        if len(rest) > MAX_MESSAGE_BYTES:
            messages.append(rest[: MAX_MESSAGE_BYTES + 1])
            self._in_cut_line = True
        else:
            self._rest = rest
        return messages
