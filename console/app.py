"""The application: a gate before each page, headers on each answer, and each error as a line."""

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
from console.roles import roles_of
from console.show import error_page, install
from console.wiring import NAME, Wiring, caller, roles, wiring
from shared.errors import LitekeepError, NotPermitted, ObjectExists, StoreError, UsageError
from shared.redaction import redact

_OPEN = ("health", "static")  # what is answered without asking who asks
_LARGEST_FORM = 64 << 10  # bytes


def make_app(parts: Wiring, hosts: list[str] | None = None) -> Flask:
    """The application of those parts. `hosts`: the names it answers to; None for whatever leads here."""
    app = Flask(NAME, root_path=__file__.rpartition("/")[0])
    app.config.update(MAX_CONTENT_LENGTH=_LARGEST_FORM, MAX_FORM_MEMORY_SIZE=_LARGEST_FORM, TRUSTED_HOSTS=hosts)
    app.extensions[NAME] = parts
    install(app)
    app.add_url_rule("/health", "health", _health)
    app.add_url_rule("/open", "open", _open)
    app.before_request(_admit)
    app.after_request(_with_headers)
    app.register_error_handler(Exception, _told)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def _health() -> Response:
    """That the process answers, and nothing else."""
    return Response("ok\n", mimetype="text/plain")


def _open() -> AnyResponse:
    """On a laptop the token of the address becomes a cookie; elsewhere there is no such page."""
    gate = wiring().gate
    if not isinstance(gate, LaptopGate):
        raise NotIdentified("there is no such page")
    cookie = gate.redeem(request.args.get(TOKEN, ""))
    if cookie is None:
        raise NotIdentified("this address was used already, or is not the one that litekeep console printed")
    answer = redirect("/", 303)
    answer.set_cookie(gate.cookie, cookie, httponly=True, samesite="Strict", max_age=12 * 3600)
    return answer


def _admit() -> None:
    """Finds out who asks and what that person may do, before any page is made."""
    if request.endpoint in (*_OPEN, "open"):
        return
    parts = wiring()
    g.caller = parts.gate.identify(request)
    g.roles = roles_of(parts.settings, caller(), may_change=parts.may_change)
    if not roles().view:
        raise NotPermitted("the policy does not list you among those who may look at this console")
    if request.method == "POST" and not parts.rate.allows(caller().name):
        raise _TooMany


class _TooMany(Exception):
    pass


def _with_headers(response: Response) -> Response:
    return secured(response, https=wiring().gate.secure, keep=request.endpoint == "static")


def _told(error: Exception) -> AnyResponse:
    """One line for a person or a program; nothing of what is inside."""
    if isinstance(request.routing_exception, SecurityError):  # no page can be named under a host that is not ours
        return Response(
            "this console does not answer to that name\n", HTTPStatus.MISDIRECTED_REQUEST, mimetype="text/plain"
        )
    status, line = _meaning(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        current_app.logger.error(redact("".join(traceback.format_exception(error))))
    answer = error_page(status, line)
    if isinstance(error, _TooMany):
        answer.headers["Retry-After"] = "60"
    return answer


def _meaning(error: Exception) -> tuple[HTTPStatus, str]:
    known: dict[type[Exception], Any] = {
        NotIdentified: HTTPStatus.UNAUTHORIZED,
        NotFromHere: HTTPStatus.FORBIDDEN,
        NotPermitted: HTTPStatus.FORBIDDEN,
        UsageError: HTTPStatus.BAD_REQUEST,
        ObjectExists: HTTPStatus.CONFLICT,
        StoreError: HTTPStatus.BAD_GATEWAY,
        LitekeepError: HTTPStatus.UNPROCESSABLE_ENTITY,
    }
    if isinstance(error, _TooMany):
        return HTTPStatus.TOO_MANY_REQUESTS, "too many forms in a minute: wait, and try again"
    if isinstance(error, HTTPException):
        return HTTPStatus(error.code or 500), error.name
    for kind, status in known.items():
        if isinstance(error, kind):
            return status, str(error)
    return HTTPStatus.INTERNAL_SERVER_ERROR, f"unexpected {type(error).__name__}, a defect of Litekeep"
