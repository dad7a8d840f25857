"""What happens to an order after the customer has gone."""

import threading

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

from ..runtime.logs import log, set_up_logs
from .packing import Packer

app = Flask("fulfilment")
set_up_logs(app)
packer = Packer()
threading.Thread(target=packer.work, daemon=True).start()


@app.get("/shipments/<order_id>")
def show_shipment(order_id: str) -> ResponseReturnValue:
    """Say whether an order is packed."""
    packed_at = packer.packed_at(order_id)
    if packed_at is None:
        log.info("order %s is not packed yet", order_id)
        return jsonify(order=order_id, state="waiting")
    return jsonify(order=order_id, state="packed", packed_at=packed_at)
