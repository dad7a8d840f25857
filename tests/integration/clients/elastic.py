"""Sends documents with the official client of Elasticsearch: URL, INDEX, a file of a JSON list."""

import json
import sys
from pathlib import Path

from elasticsearch9 import Elasticsearch, helpers


def main() -> None:
    """Send in bulks, by several threads, and print how many were taken."""
    url, index, file = sys.argv[1:]
    documents = json.loads(Path(file).read_text())
    client = Elasticsearch(url, max_retries=0, http_compress=True)
    actions = ({"_op_type": "create", "_index": index, "_source": each} for each in documents)
    taken = sum(
        1 for ok, _ in helpers.parallel_bulk(client, actions, thread_count=2, chunk_size=40) if ok
    )
    sys.stdout.write(
        json.dumps({"number": client.info()["version"]["number"], "sent": taken, "dropped": 0})
    )


main()
