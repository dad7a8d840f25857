"""Logs through a handler that pushes to Loki: URL, a file of a JSON list of texts."""

import json
import logging
import sys
from pathlib import Path

import logging_loki


def main() -> None:
    """Log each text as a warning, with a tag."""
    url, file = sys.argv[1:]
    handler = logging_loki.LokiHandler(
        url=f"{url}/loki/api/v1/push", tags={"application": "till", "service": "till"}, version="1"
    )
    logger = logging.getLogger("till")
    logger.addHandler(handler)
    for text in json.loads(Path(file).read_text()):
        logger.warning(text, extra={"tags": {"drawer": "3"}})


main()
