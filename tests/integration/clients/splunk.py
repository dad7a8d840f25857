"""Logs through a handler that sends to Splunk: HOST, PORT, TOKEN, a file of a JSON list of texts."""

import json
import logging
import sys
from pathlib import Path

from splunk_handler import SplunkHandler


def main() -> None:
    """Log each text as a warning."""
    host, port, token, file = sys.argv[1:]
    handler = SplunkHandler(
        host=host, port=port, token=token, index="main", source="till", hostname="till-4",
        sourcetype="log", protocol="http", verify=False, flush_interval=0.2, retry_count=1,
    )  # fmt: skip
    logger = logging.getLogger("till")
    logger.addHandler(handler)
    for text in json.loads(Path(file).read_text()):
        logger.warning(text)
    logging.shutdown()


main()
