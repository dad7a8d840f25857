"""The public entry: everything a customer's browser asks for."""

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from requests import Response as Answer

from ..runtime.logs import log, set_up_logs
from ..runtime.upstream import Upstream

app = Flask("gateway")
set_up_logs(app)
session = Upstream("session")
checkout = Upstream("checkout")
catalogue = Upstream("catalogue")


@app.post("/login")
def login() -> ResponseReturnValue:
    """Open a session for a customer."""
    answer = session.call("POST", "/sessions", request.get_json())
    if answer.status_code == 401:
        log.info("login refused")
    return _pass_on(answer, session)


@app.post("/logout")
def logout() -> ResponseReturnValue:
    """Close the customer's session."""
    return _pass_on(session.call("DELETE", f"/sessions/{_session_id()}"), session)


@app.get("/products")
def products() -> ResponseReturnValue:
    """List the products of a category."""
    query = {"category": request.args.get("category", "books")}
    return _pass_on(catalogue.call("GET", "/products", query=query), catalogue)


@app.get("/products/<int:product_id>")
def product(product_id: int) -> ResponseReturnValue:
    """Show one product."""
    return _pass_on(catalogue.call("GET", f"/products/{product_id}"), catalogue)


@app.post("/cart/items")
def add_to_cart() -> ResponseReturnValue:
    """Put a product in the cart; carts need no login, only a session id."""
    path = f"/carts/{_session_id()}/items"
    return _pass_on(checkout.call("POST", path, request.get_json()), checkout)


@app.post("/checkout")
def check_out() -> ResponseReturnValue:
    """Order what is in the cart."""
    session_id = _session_id()
    log.info("checkout begins for session %s", session_id)
    return _pass_on(checkout.call("POST", f"/carts/{session_id}/checkout"), checkout)


def _session_id() -> str:
    return request.headers.get("X-Session", "none")


def _pass_on(answer: Answer, upstream: Upstream) -> ResponseReturnValue:
    if answer.status_code >= 500:
        log.error(
            "%s %s failed: %s answered %d",
            request.method,
            request.path,
            upstream.name,
            answer.status_code,
        )
        return jsonify(error="please try again"), 502
    return Response(answer.content, answer.status_code, content_type="application/json")
