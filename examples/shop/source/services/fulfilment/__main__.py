"""Start the fulfilment service."""

from ..runtime.server import run
from .app import app

run(app)
