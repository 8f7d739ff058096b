"""The pages and the API of the model service, under the hub's prefix."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
)
from pydantic import ValidationError

from tidelab.domain.decision import Decision
from tidelab.tracking.errors import TrackingError, TrackingUnavailableError

from ..identity import Caller
from ..login import HubLogin, wants_html
from .errors import RefusedError
from .overview import Overview
from .promotion import Promotion
from .reconcile import Reconciler

LARGEST_FORM = 512 * 1024
"""A comparison of some hundred classes goes with a request."""
OPEN_PATHS = frozenset({"/health"})
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

pages = Blueprint("models", __name__, static_folder="static", template_folder="templates")

View = TypeVar("View", bound=Callable[..., object])


def _route(method: str, rule: str) -> Callable[[View], View]:
    """Return a decorator that serves a function at a path; Flask's own would take its types away."""

    def serve(view: View) -> View:
        pages.add_url_rule(rule, view_func=view, methods=[method])
        return view

    return serve


def create_app(login: HubLogin, promotion: Promotion, reconciler: Reconciler, secret: str) -> Flask:
    """Return the application.

    Parameters
    ----------
    login
        Finds the caller of a request.
    promotion, reconciler
        What the service does.
    secret
        Key of the forms' tokens.
    """
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_FORM, SECRET_KEY=secret)
    app.extensions.update(
        login=login,
        promotion=promotion,
        reconciler=reconciler,
        overview=Overview(promotion, reconciler, login.prefix),
    )
    app.register_blueprint(pages, url_prefix=login.prefix)
    app.before_request(_authenticate)
    app.after_request(_add_headers)
    app.register_error_handler(
        RefusedError, lambda error: _refuse(str(error), cast(RefusedError, error).status)
    )
    app.register_error_handler(
        TrackingUnavailableError, lambda error: _refuse(f"{error} Nothing was changed.", 503)
    )
    app.register_error_handler(TrackingError, lambda error: _refuse(str(error), 422))
    app.register_error_handler(404, lambda error: _refuse("There is no such page.", 404))
    app.register_error_handler(
        405, lambda error: _refuse("This address does not take that kind of request.", 405)
    )
    app.register_error_handler(
        413, lambda error: _refuse("The request is too large; a note has 2000 characters.", 413)
    )
    app.jinja_env.globals.update(xsrf=_form_token, prefix=login.prefix, hub=login.hub_url)
    app.jinja_env.globals["experiments"] = f"{login.prefix.rpartition('/')[0]}/mlflow/"
    return app


def _parts() -> tuple[Promotion, Overview]:
    return current_app.extensions["promotion"], current_app.extensions["overview"]


def _authenticate() -> Response | None:
    login: HubLogin = current_app.extensions["login"]
    path = request.path.removeprefix(login.prefix)
    if path in OPEN_PATHS or path.startswith("/static/"):
        return None
    caller = login.caller(request)
    if isinstance(caller, Response):
        return caller
    g.caller = caller
    if request.method == "POST" and "Authorization" not in request.headers:
        if path.startswith("/api/"):
            return _refuse(
                "Send `Authorization: Bearer <hub token>`; a browser's cookie is not enough here.", 403
            )
        if not hmac.compare_digest(request.form.get("_xsrf", "").encode(), _form_token().encode()):
            return _refuse(
                "This form is too old. Open the page again and repeat the step; nothing was changed.", 403
            )
    return None


def _form_token() -> str:
    """Token of this person's forms in this login; another site cannot know it."""
    login: HubLogin = current_app.extensions["login"]
    session = login.session_token(request) or ""
    return hmac.new(current_app.config["SECRET_KEY"].encode(), session.encode(), hashlib.sha256).hexdigest()


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _refuse(text: str, status: int) -> Response:
    if wants_html(request):
        return make_response(
            render_template(
                "message.html", title=_TITLES.get(status, "Not possible"), text=text, caller=g.get("caller")
            ),
            status,
        )
    return make_response({"error": text}, status)


_TITLES = {
    403: "Not allowed",
    404: "Not found",
    409: "Not now",
    422: "This model cannot be used",
    503: "Not reachable",
}


@_route("GET", "/health")
def health() -> Response:
    """Say that the service runs; no login."""
    return make_response({"status": "ok"})


@_route("GET", "/")
def index() -> str:
    """Show champions, requests and history of all use cases."""
    _, overview = _parts()
    return str(render_template("index.html", view=overview.page(g.caller), caller=g.caller))


@_route("GET", "/requests/<identifier>")
def show_request(identifier: str) -> str:
    """Show one request beside the present champion, with the decision to take."""
    _, overview = _parts()
    return str(render_template("request.html", view=overview.request(g.caller, identifier), caller=g.caller))


@_route("POST", "/requests/<identifier>/<act>")
def decide(identifier: str, act: str) -> Response:
    """Confirm, decline or withdraw."""
    _act(g.caller, identifier, act, request.form.get("reason", ""), request.form.get("acknowledge") == "yes")
    return _back()


@_route("GET", "/restore/<slug>/<version>")
def show_restore(slug: str, version: str) -> str:
    """Ask once more before an earlier champion comes back."""
    _, overview = _parts()
    return str(
        render_template("restore.html", view=overview.restore(g.caller, slug, version), caller=g.caller)
    )


@_route("POST", "/restore/<slug>/<version>")
def restore(slug: str, version: str) -> Response:
    """Bring an earlier champion back."""
    promotion, _ = _parts()
    promotion.restore(g.caller, slug, version, request.form.get("reason", ""))
    return _back()


@_route("GET", "/api/promotions")
def api_list() -> Response:
    """List the requests that the caller may see."""
    _, overview = _parts()
    return jsonify({"promotions": [overview.plain(one) for one in overview.visible(g.caller)]})


@_route("POST", "/api/promotions")
def api_ask() -> Response:
    """Ask for a promotion: ``{use_case, registered_model, version, note}``, and the comparison with the champion as ``decision``."""
    promotion, overview = _parts()
    body = _body("use_case", "registered_model", "version", "note")
    made = promotion.ask(
        g.caller, body["use_case"], body["registered_model"], body["version"], body["note"], _decision()
    )
    return make_response(overview.plain(made), 201)


@_route("GET", "/api/promotions/<identifier>")
def api_show(identifier: str) -> Response:
    """Show one request."""
    _, overview = _parts()
    return jsonify(overview.plain(overview.see(g.caller, identifier)))


@_route("POST", "/api/promotions/<identifier>/<act>")
def api_act(identifier: str, act: str) -> Response:
    """Confirm ``{reason, acknowledge}``, decline ``{reason}`` or withdraw."""
    promotion, overview = _parts()
    body = _body() if act == "withdraw" else _body("reason")
    _act(g.caller, identifier, act, body.get("reason", ""), body.get("acknowledge") == "yes")
    return jsonify(overview.plain(promotion.records.get(identifier)))


@_route("GET", "/api/champions")
def api_champions() -> Response:
    """List the published champions, and what is wrong with them if anything is."""
    _, overview = _parts()
    return jsonify(overview.champions())


@_route("POST", "/api/champions/<slug>/restore")
def api_restore(slug: str) -> Response:
    """Restore an earlier champion: ``{version, reason}``."""
    promotion, overview = _parts()
    body = _body("version", "reason")
    promotion.restore(g.caller, slug, body["version"], body["reason"])
    return jsonify(overview.champions())


def _act(caller: Caller, identifier: str, act: str, reason: str, acknowledged: bool) -> None:
    promotion, _ = _parts()
    if act == "confirm":
        promotion.confirm(caller, identifier, reason, acknowledged)
    elif act == "decline":
        promotion.decline(caller, identifier, reason)
    elif act == "withdraw":
        promotion.withdraw(caller, identifier)
    else:
        raise RefusedError("There is no such act: confirm, decline and withdraw are known.", 404)


def _back() -> Response:
    login: HubLogin = current_app.extensions["login"]
    return make_response(redirect(f"{login.prefix}/", code=303))


def _decision() -> Decision | None:
    given = request.get_json(force=True).get("decision")
    if given is None:
        return None
    try:
        return Decision.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RefusedError(
            f"decision: {where or 'the object'}: {first['msg']}. Expected what tidelab.training.steps.compare_with_champion returns."
        ) from None


def _body(*fields: str) -> dict[str, str]:
    body: Any = request.get_json(force=True, silent=True)
    if body is None and not fields:
        body = {}
    if not isinstance(body, dict):
        raise RefusedError("The body must be a JSON object.")
    for name in fields:
        if not isinstance(body.get(name), str | int) or isinstance(body.get(name), bool):
            raise RefusedError(f"{name}: expected a text, got {type(body.get(name)).__name__}.")
    return {name: ("yes" if value is True else str(value)) for name, value in body.items()}
