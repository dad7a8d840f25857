"""The official Elasticsearch client, over a socket, as programs use it to write."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import elasticsearch
import pytest
import uvicorn
from elasticsearch import helpers
from tests.receive.protocol_port import ProtocolPort


@contextmanager
def listening(port: ProtocolPort) -> Iterator[str]:
    """Serve a port on the loopback, and return its address."""
    config = uvicorn.Config(port.client.app, "127.0.0.1", 0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not (server.started and server.servers):
            thread.join(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_the_client_writes_and_reads_what_became_of_each() -> None:
    """Info, single documents, bulk with an error, packed bodies: as against Elasticsearch."""
    port = ProtocolPort()
    with listening(port) as url, elasticsearch.Elasticsearch(url, http_compress=True) as client:
        assert "tracepulse" == client.info()["name"]
        assert client.ping()
        assert "green" == client.cluster.health()["status"]
        assert "created" == client.index(index="shop", document={"message": "alone"})["result"]
        actions = [{"_index": "shop", "message": f"n {n}", "level": "warn"} for n in range(700)]
        assert (700, []) == helpers.bulk(client, actions)
        wrong = [{"_op_type": "delete", "_index": "shop", "_id": "1"}, actions[0]]
        kept, errors = helpers.bulk(client, wrong, raise_on_error=False)
        assert 1 == kept
        assert isinstance(errors, list)
        assert [400] == [error["delete"]["status"] for error in errors]
    bodies = [record["body"] for record in port.records]
    assert ["alone", *(f"n {n}" for n in range(700)), "n 0"] == bodies
    assert {(13, "warn")} == {record["level"] for record in port.records[1:]}


def test_the_client_tells_refusals_apart() -> None:
    """A missing key, a malformed request and a full journal are the client's own exceptions."""
    port = ProtocolPort("k-1")
    with listening(port) as url:
        with (
            elasticsearch.Elasticsearch(url) as client,
            pytest.raises(elasticsearch.AuthenticationException),
        ):
            client.info()
        with elasticsearch.Elasticsearch(
            url, basic_auth=("elastic", "k-1"), max_retries=0
        ) as client:
            assert client.ping()
            with pytest.raises(elasticsearch.BadRequestError, match="Malformed action"):
                client.bulk(body=[{"nonsense": {}}, {}])
            port.sink.full = True
            with pytest.raises(elasticsearch.ApiError) as refused:
                client.index(index="shop", document={"message": "x"})
            assert 429 == refused.value.meta.status
