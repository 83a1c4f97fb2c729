"""Security headers of every response: load nothing from other sites, allow no framing, cache nothing."""

from flask import Response

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ONE_YEAR = "max-age=31536000; includeSubDomains"


def secured(response: Response, *, https: bool, keep: bool) -> Response:
    """Sets the headers, and returns the response. With `keep` the browser may cache it, such as the stylesheet."""
    response.headers.update(HEADERS)
    response.headers["Cache-Control"] = "private, max-age=300" if keep else "no-store"
    response.headers.pop("Server", None)
    if https:
        response.headers["Strict-Transport-Security"] = _ONE_YEAR
    return response
