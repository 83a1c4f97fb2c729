"""CSRF protection: each form carries a signed token for one person and one purpose.

The server keeps no state, because several instances may answer. The token contains the id of the request that the form
creates, and an object of a store is created only once: a form that is sent twice makes one request.
"""

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Request
from itsdangerous import BadSignature, URLSafeTimedSerializer

FIELD = "form_token"
_LIFETIME = 3600  # seconds between loading a page and sending its form


class NotFromHere(Exception):
    """The form was not sent from a page of this console, by this person, in time. The message is shown."""


@dataclass(frozen=True)
class Forms:
    """Signs and checks the tokens of forms. `secret` must be the same in every instance."""

    secret: bytes

    def token(self, person: str, purpose: str, name: str) -> str:
        """Returns a token for a form of that person. `name` identifies the request or plan that the form is for."""
        return str(self._seal(purpose).dumps([person, name]))

    def name_in(self, request: Request, person: str, purpose: str) -> str:
        """Returns the `name` of the form that was sent. Raises NotFromHere."""
        check_origin(request)
        try:
            found = self._seal(purpose).loads(request.form.get(FIELD, "")[:2000], max_age=_LIFETIME)
        except BadSignature:
            raise NotFromHere("this form has expired, or is not from this page: load the page again") from None
        if not isinstance(found, list) or len(found) != 2 or found[0] != person:
            raise NotFromHere("this form was made for another person: load the page again")
        return str(found[1])

    def _seal(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self.secret, salt=f"form {purpose}", signer_kwargs={"digest_method": hashlib.sha256}
        )


def check_origin(request: Request) -> None:
    """Raises NotFromHere unless the browser says that a page of this host sent the form."""
    origin, fetched = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if fetched not in (None, "same-origin"):
        raise NotFromHere("another site sent this form: nothing was changed")
    if origin is None or urlsplit(origin).netloc != request.host:
        raise NotFromHere("this form does not come from this site: nothing was changed")
