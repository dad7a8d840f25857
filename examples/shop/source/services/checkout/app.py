"""Carts and checkout."""

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from ..runtime.logs import log, set_up_logs
from ..runtime.queue import Queue
from ..runtime.upstream import Upstream
from .carts import CartItem, CartStore
from .pricing import total_cents
from .sessions import SessionCheckError, customer_of

app = Flask("checkout")
set_up_logs(app)
carts = CartStore()
catalogue = Upstream("catalogue")
payment = Upstream("payment")
orders = Queue("orders")


@app.post("/carts/<session_id>/items")
def add_item(session_id: str) -> ResponseReturnValue:
    """Put a product in a cart at today's price."""
    body = request.get_json()
    product, quantity = int(body["product"]), int(body["quantity"])
    answer = catalogue.call("GET", f"/products/{product}")
    if answer.status_code == 404:
        return jsonify(error="no such product"), 404
    answer.raise_for_status()
    carts.add(session_id, CartItem(product, quantity, answer.json()["price_cents"]))
    log.info("%d of product %d put in the cart of session %s", quantity, product, session_id)
    return jsonify(product=product, quantity=quantity), 201


@app.post("/carts/<session_id>/checkout")
def check_out(session_id: str) -> ResponseReturnValue:
    """Turn a cart into an order."""
    try:
        user = customer_of(session_id)
    except SessionCheckError as failure:
        log.error("checkout failed: upstream %d, session %s", failure.status, session_id)
        return jsonify(error="session check failed"), 502
    items = carts.items(session_id)
    if not items:
        return jsonify(error="the cart is empty"), 409
    wanted = [{"product": item.product, "quantity": item.quantity} for item in items]
    catalogue.call("POST", "/reservations", {"items": wanted}).raise_for_status()
    total = total_cents(items)
    charge = payment.call("POST", "/charges", {"cents": total, "customer": user})
    if charge.status_code != 201:
        log.error(
            "checkout failed: payment answered %d, session %s", charge.status_code, session_id
        )
        return jsonify(error="payment failed"), 502
    order_id = carts.place_order(session_id, user, total)
    orders.put({"order": order_id, "user": user, "items": wanted})
    log.info("order %s placed by %s: %d items, %d cents", order_id, user, len(items), total)
    return jsonify(order=order_id, total_cents=total), 201
