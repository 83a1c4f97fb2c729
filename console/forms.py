"""What a form must bring along to change anything: a token of this person for this form, from a page of ours.

Nothing is kept in memory: several instances answer. The token names the request that the form makes, and names in a
store are created once, so the same form sent twice makes one request.
"""

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Request
from itsdangerous import BadSignature, URLSafeTimedSerializer

FIELD = "form_token"
_LONGEST = 3600  # seconds that a page may stand before its form is sent


class NotFromHere(Exception):
    """The form did not come from a page of ours, or not from this person, or too late. The text is shown."""


@dataclass(frozen=True)
class Forms:
    """`secret` is the same in every instance."""

    secret: bytes

    def token(self, person: str, purpose: str, name: str) -> str:
        """For one form of one person; `name` is what the form is about."""
        return str(self._seal(purpose).dumps([person, name]))

    def name_in(self, request: Request, person: str, purpose: str) -> str:
        """What the form that was sent is about. Raises NotFromHere."""
        check_origin(request)
        try:
            found = self._seal(purpose).loads(request.form.get(FIELD, "")[:2000], max_age=_LONGEST)
        except BadSignature:
            raise NotFromHere("this form is too old, or is not from this page: load the page again") from None
        if not isinstance(found, list) or len(found) != 2 or found[0] != person:
            raise NotFromHere("this form was made for another person: load the page again")
        return str(found[1])

    def _seal(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self.secret, salt=f"form {purpose}", signer_kwargs={"digest_method": hashlib.sha256}
        )


def check_origin(request: Request) -> None:
    """Raises NotFromHere unless the browser says that a page of this very host sent the form."""
    origin, fetched = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if fetched not in (None, "same-origin"):
        raise NotFromHere("another site sent this form: nothing was changed")
    if origin is None or urlsplit(origin).netloc != request.host:
        raise NotFromHere("this form does not come from this site: nothing was changed")
