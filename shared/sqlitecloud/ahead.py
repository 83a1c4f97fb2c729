"""How many steps of a download to ask for before the ones in front have come.

The protocol is a request and its reply, and then the next. A node that gets its next request only when the last reply
has arrived does nothing in between, which with small steps is half of the time. So some requests wait at the node while
it sends small ones. That a node leaves them unread until then is how TCP works, and documented nowhere: when a
connection breaks or falls silent with requests waiting, the download is tried again without. With larger steps (512 KiB
is the platform's default) there is nothing to gain, so none waits.
"""

_LARGE = 256 << 10  # bytes of a step
_BYTES = 4 << 20
_MOST = 64  # requests


class RequestsAhead:
    """Counts requests, while `size` bytes are to come; whenever none waits, the next is to be sent."""

    def __init__(self, size: int) -> None:
        self._left = size
        self.waiting = 0

    def sent(self) -> None:
        self.waiting += 1

    def arriving(self, length: int) -> int:
        """The reply to a request begins, a step of that many bytes. Returns how many more to ask for now."""
        self.waiting -= 1
        self._left -= length
        if self._left <= 0 or length <= 0 or length >= _LARGE:
            return 0
        needed = -(-self._left // length)  # if they stay as long as this one
        more = max(0, min(needed, max(1, min(_MOST, _BYTES // length))) - self.waiting)
        self.waiting += more
        return more
