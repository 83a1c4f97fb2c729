"""Renders a document as a page or as JSON; and formats times, sizes and states for people."""

from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request
from markupsafe import Markup, escape

from console.wiring import caller, roles, wiring
from shared.clock import parse_time, rfc3339
from shared.redaction import redact
from shared.text import age, count, duration, printable, size

MENU = {
    "overview.show": "Overview",
    "requests.show": "Requests",
    "drills.show": "Drills",
    "audit.show": "Audit",
    "cost.show": "Cost",
}
STATES = {"ok": "good", "stale": "bad", "failing": "bad", "never": "bad"}
REQUEST_STATES = {"waiting": "odd", "approved": "good", "used": "good", "refused": "bad", "expired": "open"}
OUTCOMES = {"succeeded": "good", "failed": "bad", "refused": "bad"}
_UNKNOWN = "\N{EN DASH}"
_SIGNS = {"good": "✓", "bad": "✗", "odd": "!", "open": "·"}


def install(app: Flask) -> None:
    """Adds the filters and globals of the templates. Jinja escapes all that they show."""
    app.jinja_env.finalize = _finalize
    app.jinja_env.filters.update(age=_age, size=_size, moment=_moment, exactly=_exactly, duration=_duration, raw=_raw)
    app.jinja_env.filters.update(choice=_choice, counted=partial(count, separator=","))
    states = {"states": STATES, "request_states": REQUEST_STATES, "outcomes": OUTCOMES}
    app.jinja_env.globals.update(sign=_SIGNS.__getitem__, caller=caller, roles=roles, menu=_menu, **states)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.json.ensure_ascii = True  # type: ignore[attr-defined]


def page(template: str, document: dict[str, Any], status: int = 200, **more: Any) -> Response:
    """Returns the document as a page, or as JSON if the request accepts that. `more` is for the page only."""
    document = {"as_of": rfc3339(wiring().store.listed_at), **document}
    response = jsonify(document) if wants_json() else make_response(render_template(template, **document, **more))
    response.status_code = status
    response.vary.add("Accept")
    return response


def error_page(status: HTTPStatus, message: str) -> Response:
    """Returns the message in one line, as a page or as JSON, without secrets."""
    line = " ".join(redact(message).split())
    if wants_json():
        response = jsonify({"error": line, "status": status.value})
    else:
        identified = "caller" in g and "roles" in g
        response = make_response(
            render_template("error.html", message=line, title=status.phrase, identified=identified)
        )
    response.status_code = status.value
    response.vary.add("Accept")
    return response


def wants_json() -> bool:
    """Returns whether the request prefers JSON to a page."""
    preferred = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
    return preferred == "application/json"


def plain(text: object) -> str:
    """Returns foreign text without control characters and direction marks, which could disguise other text."""
    return printable(str(text))


def _finalize(value: object) -> object:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _raw(text: str) -> Markup:
    """Escapes a value of a form field, and keeps all its characters: the form must send back what it got."""
    return escape(text)


def _moment(text: str | datetime | None) -> str:
    if text is None:
        return "never"
    when = text if isinstance(text, datetime) else parse_time(text)
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _exactly(text: str) -> str:
    return f"{parse_time(text):%Y-%m-%d %H:%M:%S} UTC"


def _choice(text: str) -> str:
    """Formats a time without its zone, so that it fits a narrow select."""
    return f"{parse_time(text):%Y-%m-%d %H:%M}"


def _menu() -> list[tuple[str, str]]:
    return [(endpoint, word) for endpoint, word in MENU.items() if endpoint in current_app.view_functions]


def _age(seconds: float | timedelta | None) -> str:
    if seconds is None:
        return _UNKNOWN
    return age(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)


def _size(amount: int | None) -> str:
    return _UNKNOWN if amount is None else size(amount)


def _duration(seconds: float | None) -> str:
    return _UNKNOWN if seconds is None else duration(seconds)
