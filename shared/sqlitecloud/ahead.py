"""Request-ahead for downloads: how many DOWNLOAD STEP requests to send before their replies have arrived.

The protocol is one request, one reply. With small steps, a node that gets each request only after its last reply
arrived is idle half of the time. So several requests are sent ahead while replies are small. That the node leaves them
unread in its TCP buffer until then is not documented: if the connection breaks or falls silent with requests pending,
the download is retried without request-ahead. Large steps (the platform's default is 512 KiB) gain nothing from it, so
for them no request is sent ahead.
"""

_LARGE = 256 << 10  # bytes of a step
_BYTES = 4 << 20  # of the replies to pending requests
_MOST = 64  # pending requests


class RequestsAhead:
    """Counts the pending requests of a download of `size` bytes. When none is pending, the caller sends the next."""

    def __init__(self, size: int) -> None:
        self._left = size
        self.waiting = 0

    def sent(self) -> None:
        self.waiting += 1

    def arriving(self, length: int) -> int:
        """Notes that a reply of `length` bytes begins. Returns how many more requests to send now."""
        self.waiting -= 1
        self._left -= length
        if self._left <= 0 or length <= 0 or length >= _LARGE:
            return 0
        needed = -(-self._left // length)  # assuming steps of the same length
        more = max(0, min(needed, max(1, min(_MOST, _BYTES // length))) - self.waiting)
        self.waiting += more
        return more
