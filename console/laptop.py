"""On one's own machine: a one-time token in the address lets one browser in, as the user of the operating system."""

import hmac
import secrets
from threading import Lock

from flask import Request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from console.identity import Caller, NotIdentified

TOKEN = "token"  # noqa: S105 - the name of a parameter
_LONGEST = 12 * 3600  # seconds that a browser stays let in


class LaptopGate:
    """`user` is who asks, whichever browser it is that had the token. The token holds once."""

    secure = False

    def __init__(self, user: str, port: int, secret: bytes) -> None:
        self._user = user
        self.cookie = f"litekeep-{port}"  # cookies know no ports, and several consoles may run
        self.token = secrets.token_urlsafe(32)
        self._used = False
        self._lock = Lock()
        self._seal = URLSafeTimedSerializer(secret, salt="laptop")

    def identify(self, request: Request) -> Caller:
        """Raises NotIdentified for a browser that has not had the token."""
        try:
            known = self._seal.loads(request.cookies.get(self.cookie, "")[:1000], max_age=_LONGEST)
        except BadSignature:
            known = None
        if known != "in":
            raise NotIdentified("open the address that litekeep console printed; it holds once")
        return Caller(self._user, own_key=True)

    def redeem(self, token: str) -> str | None:
        """The value of the cookie that lets a browser in; None for a token that is wrong or was used."""
        with self._lock:
            if self._used or not hmac.compare_digest(token.encode(), self.token.encode()):
                return None
            self._used = True
        return str(self._seal.dumps("in"))
