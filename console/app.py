"""The Flask application: identifies each caller, sets the headers of each response, shows each error as one line."""

import traceback
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, g, redirect, request
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.wrappers import Response as AnyResponse

from console.forms import NotFromHere
from console.headers import secured
from console.identity import NotIdentified
from console.laptop import TOKEN, LaptopGate
from console.pages import BLUEPRINTS
from console.rendering import error_page, install
from console.roles import roles_of
from console.wiring import NAME, Wiring, caller, roles, wiring
from shared.errors import LitekeepError, NotPermitted, ObjectExists, StoreError, UsageError
from shared.redaction import redact

_PUBLIC = ("health", "static", "open")  # endpoints that need no identity
_LARGEST_FORM = 64 << 10  # bytes


def make_app(parts: Wiring, hosts: list[str] | None = None) -> Flask:
    """Returns the application. `hosts`: the host names it answers to; None for any."""
    app = Flask(NAME, root_path=__file__.rpartition("/")[0])
    app.config.update(MAX_CONTENT_LENGTH=_LARGEST_FORM, MAX_FORM_MEMORY_SIZE=_LARGEST_FORM, TRUSTED_HOSTS=hosts)
    app.extensions[NAME] = parts
    install(app)
    app.add_url_rule("/health", "health", _health)
    app.add_url_rule("/open", "open", _open)
    app.before_request(_authorize)
    app.after_request(_with_headers)
    app.register_error_handler(Exception, _error_response)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def _health() -> Response:
    """Health check: answers without identity and without data."""
    return Response("ok\n", mimetype="text/plain")


def _open() -> AnyResponse:
    """Exchanges the one-time token of `litekeep console` for a cookie. Does not exist behind IAP."""
    gate = wiring().gate
    if not isinstance(gate, LaptopGate):
        raise NotIdentified("there is no such page")
    cookie = gate.redeem(request.args.get(TOKEN, ""))
    if cookie is None:
        raise NotIdentified(
            "this address was used already, or is not the one that litekeep console printed: start it again"
        )
    response = redirect("/", 303)
    response.set_cookie(gate.cookie, cookie, httponly=True, samesite="Strict", max_age=12 * 3600)
    return response


def _authorize() -> None:
    """Identifies the caller and looks up the roles, before any page is made.

    Raises NotIdentified, NotPermitted; _TooManyForms when the caller sends forms too fast.
    """
    if request.endpoint in _PUBLIC:
        return
    parts = wiring()
    g.caller = parts.gate.identify(request)
    g.roles = roles_of(parts.settings, caller(), may_change=parts.may_change)
    if not roles().view:
        raise NotPermitted("the policy does not list you among the viewers of this console")
    if request.method == "POST" and not parts.rate.allows(caller().name):
        raise _TooManyForms


class _TooManyForms(Exception):
    pass


def _with_headers(response: Response) -> Response:
    return secured(response, https=wiring().gate.secure, keep=request.endpoint == "static")


def _error_response(error: Exception) -> AnyResponse:
    """Returns the error as one line, without a traceback or other internals."""
    if isinstance(request.routing_exception, SecurityError):  # no URL can be built for a host that is not ours
        return Response(
            "this console does not answer to that host name\n", HTTPStatus.MISDIRECTED_REQUEST, mimetype="text/plain"
        )
    status, line = _status_and_message(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        current_app.logger.error(redact("".join(traceback.format_exception(error))))
    response = error_page(status, line)
    if isinstance(error, _TooManyForms):
        response.headers["Retry-After"] = "60"
    return response


def _status_and_message(error: Exception) -> tuple[HTTPStatus, str]:
    statuses: dict[type[Exception], Any] = {
        NotIdentified: HTTPStatus.UNAUTHORIZED,
        NotFromHere: HTTPStatus.FORBIDDEN,
        NotPermitted: HTTPStatus.FORBIDDEN,
        UsageError: HTTPStatus.BAD_REQUEST,
        ObjectExists: HTTPStatus.CONFLICT,
        StoreError: HTTPStatus.BAD_GATEWAY,
        LitekeepError: HTTPStatus.UNPROCESSABLE_ENTITY,
    }
    if isinstance(error, _TooManyForms):
        return HTTPStatus.TOO_MANY_REQUESTS, "you sent too many forms within a minute: wait a minute, and try again"
    if isinstance(error, HTTPException):
        return HTTPStatus(error.code or 500), error.name
    for kind, status in statuses.items():
        if isinstance(error, kind):
            return status, str(error)
    return HTTPStatus.INTERNAL_SERVER_ERROR, f"unexpected {type(error).__name__}, a defect of Litekeep"
