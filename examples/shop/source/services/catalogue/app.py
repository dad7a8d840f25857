"""What the shop sells."""

from dataclasses import asdict

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from ..runtime.logs import log, set_up_logs
from .products import ProductStore

app = Flask("catalogue")
set_up_logs(app)
store = ProductStore()


@app.get("/products")
def list_products() -> ResponseReturnValue:
    """List a page of a category."""
    products = store.in_category(request.args["category"])
    return jsonify(products=[asdict(product) for product in products])


@app.get("/products/<int:product_id>")
def show_product(product_id: int) -> ResponseReturnValue:
    """Show one product."""
    product = store.by_id(product_id)
    if product is None:
        log.info("product %d not found", product_id)
        return jsonify(error="no such product"), 404
    return jsonify(asdict(product))


@app.post("/reservations")
def reserve() -> ResponseReturnValue:
    """Set the pieces of an order aside."""
    wanted = [(int(item["product"]), int(item["quantity"])) for item in request.get_json()["items"]]
    store.reserve(wanted)
    log.info("%d products reserved", len(wanted))
    return jsonify(reserved=len(wanted)), 201


@app.post("/shipments")
def ship() -> ResponseReturnValue:
    """Take the pieces of a packed order out of the reservations."""
    wanted = [(int(item["product"]), int(item["quantity"])) for item in request.get_json()["items"]]
    store.ship(wanted)
    log.info("%d products shipped", len(wanted))
    return jsonify(shipped=len(wanted)), 201
