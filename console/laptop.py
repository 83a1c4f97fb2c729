"""`litekeep console`: a one-time token in the URL admits one browser, as the user of the operating system."""

import hmac
import secrets
from threading import Lock

from flask import Request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from console.identity import Caller, NotIdentified

TOKEN = "token"  # noqa: S105 - the name of a parameter
_SESSION = 12 * 3600  # seconds


class LaptopGate:
    """Identifies the browser that redeemed the token as `user`. The token can be redeemed once."""

    secure = False

    def __init__(self, user: str, port: int, secret: bytes) -> None:
        self._user = user
        self.cookie = f"litekeep-{port}"  # browsers send cookies to every port, and several consoles may run
        self.token = secrets.token_urlsafe(32)
        self._used = False
        self._lock = Lock()
        self._seal = URLSafeTimedSerializer(secret, salt="laptop")

    def identify(self, request: Request) -> Caller:
        """Returns the user. Raises NotIdentified for a browser that has not redeemed the token."""
        try:
            session = self._seal.loads(request.cookies.get(self.cookie, "")[:1000], max_age=_SESSION)
        except BadSignature:
            session = None
        if session != "in":
            raise NotIdentified("open the address that litekeep console printed: it admits one browser, once")
        return Caller(self._user, own_key=True)

    def redeem(self, token: str) -> str | None:
        """Returns the cookie's value for a valid token; None if the token is wrong or was used."""
        with self._lock:
            if self._used or not hmac.compare_digest(token.encode(), self.token.encode()):
                return None
            self._used = True
        return str(self._seal.dumps("in"))
