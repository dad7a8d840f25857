"""The server's own numbers, in the text format of Prometheus."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from starlette.requests import Request
from starlette.responses import Response

from tracepulse.deliver.api.asking import Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.services import ServerNumbers

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["exposition", "router"]

router = APIRouter(tags=["server"])


@router.get(
    "/metrics",
    summary="The server's own numbers",
    response_class=PlainTextResponse,
    responses=failures(),
)
async def get_metrics(asker: Reader, request: Request) -> Response:
    """
    Return what the server counts, for Prometheus.

    Of each signal, received = stored + deduplicated + rejected + queued at every moment. Nothing is
    asked of the store.
    """
    body, media_type = exposition(
        asker.services.operation.numbers(), request.headers.get("accept", "")
    )
    return Response(body, media_type=None, headers={"Content-Type": media_type})


def exposition(numbers: ServerNumbers, accept: str = "") -> tuple[bytes, str]:
    """Return the numbers as text, and its media type: OpenMetrics for those who accept it."""
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(numbers))
    ProcessCollector(registry=registry)
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Numbers:
    """Yields the families of one moment; see `prometheus_client.registry.Collector`."""

    def __init__(self, numbers: ServerNumbers) -> None:
        self._numbers = numbers

    def collect(self) -> Iterator["Metric"]:
        """Yield every family."""
        yield from self._records()
        yield from self._journal()
        yield from self._connectors()
        yield from self._server()

    def _records(self) -> Iterator["Metric"]:
        signals = self._numbers.accounting.signals
        yield _counter(
            "tracepulse_records_received",
            "Spans, log records and data points received, rejected ones included.",
            ("signal", "origin"),
            {(s.signal, origin): n for s in signals for origin, n in s.received.items()},
        )
        yield _counter(
            "tracepulse_records_stored",
            "Records in the tables, or that were in them before retention.",
            ("signal",),
            {(each.signal,): each.stored for each in signals},
        )
        yield _counter(
            "tracepulse_records_deduplicated",
            "Records left out because they were stored already.",
            ("signal",),
            {(each.signal,): each.deduplicated for each in signals},
        )
        yield _gauge(
            "tracepulse_records_rejected",
            "Records that are not stored, by reason; falls when set_aside ones are retried.",
            ("signal", "reason"),
            {(s.signal, reason): n for s in signals for reason, n in s.rejected.items()},
        )
        yield _gauge(
            "tracepulse_records_queued",
            "Records durable in the journal that are not in the tables yet.",
            ("signal",),
            {(each.signal,): each.queued for each in signals},
        )
        yield _gauge(
            "tracepulse_records_unaccounted",
            "Received minus stored, deduplicated, rejected and queued; anything but 0 is a fault.",
            ("signal",),
            {(each.signal,): each.difference for each in signals},
        )
        yield _counter(
            "tracepulse_records_mended",
            "Records kept with other times than they came with, by reason.",
            ("signal", "reason"),
            {(s.signal, reason): n for s in signals for reason, n in s.mended.items()},
        )

    def _journal(self) -> Iterator["Metric"]:
        numbers = self._numbers
        for name, text, value in (
            ("journal_waiting_bytes", "Bytes that are not loaded yet.", "journal_waiting_bytes"),
            ("journal_waiting_segments", "Segments not loaded yet.", "journal_waiting_segments"),
            ("journal_stored_bytes", "Bytes kept although loaded.", "journal_stored_bytes"),
            ("journal_full", "1 while nothing is taken in for want of room.", "journal_full"),
            ("set_aside_messages", "Messages that the engine refused.", "set_aside_messages"),
        ):
            amount = float(getattr(numbers, value))
            yield _gauge(f"tracepulse_{name}", text, (), {(): amount})
        yield _gauge(
            "tracepulse_journal_damaged_stretches",
            "Stretches of the journal that failed their checksum.",
            (),
            {(): len(numbers.damaged)},
        )
        yield _gauge(
            "tracepulse_journal_damaged_bytes",
            "Bytes of the journal that failed their checksum.",
            (),
            {(): sum(each.end - each.start for each in numbers.damaged)},
        )

    def _connectors(self) -> Iterator["Metric"]:
        connectors = self._numbers.connectors
        if not connectors:
            return
        for name, text, value in (
            ("records", "Records taken from a source, ever.", "records"),
            ("repeated_records", "Records read again and left out.", "repeated"),
            ("read_bytes", "Bytes of answers read from a source.", "bytes_read"),
            ("requests", "Requests to a source.", "requests"),
            ("failed_looks", "Looks at a source that failed.", "failed_looks"),
            ("cut_questions", "Questions that ended for their budget.", "left_out"),
        ):
            yield _counter(
                f"tracepulse_connector_{name}",
                text,
                ("connector", "kind"),
                {(each.name, each.kind): float(getattr(each, value)) for each in connectors},
            )
        yield _gauge(
            "tracepulse_connector_up",
            "1 while the last look at a source succeeded, or nothing was asked of it.",
            ("connector", "kind"),
            {(each.name, each.kind): float(each.ok) for each in connectors},
        )
        yield _gauge(
            "tracepulse_connector_behind_seconds",
            "Age of the end of what is read of a source without a gap.",
            ("connector", "kind"),
            {
                (each.name, each.kind): each.behind_s
                for each in connectors
                if each.behind_s is not None
            },
        )

    def _server(self) -> Iterator["Metric"]:
        numbers = self._numbers
        yield _counter(
            "tracepulse_requests",
            "Requests with telemetry since the start, by protocol and status of the answer.",
            ("origin", "status"),
            {(origin, status): n for (origin, status), n in numbers.answered.items()},
        )
        yield _counter(
            "tracepulse_records_altered",
            "Records, resources and scopes stored in part or in another form since the start.",
            (),
            {(): numbers.altered_records},
        )
        yield _counter(
            "tracepulse_segments_loaded",
            "Segments loaded since the start.",
            (),
            {(): numbers.loaded_segments},
        )
        yield _counter(
            "tracepulse_segments_repaired",
            "Times since the start that a segment's rows were found incomplete and loaded anew.",
            (),
            {(): numbers.repaired_segments},
        )
        if numbers.last_load_age_s is not None:
            yield _gauge(
                "tracepulse_last_load_age_seconds",
                "Time since a segment was last loaded; absent before the first.",
                (),
                {(): numbers.last_load_age_s},
            )
        yield _gauge(
            "tracepulse_store_parts",
            "Active parts of the engine, as counted every minute.",
            ("table",),
            {(table,): parts for table, parts in numbers.parts.items()},
        )
        yield _gauge(
            "tracepulse_start_time_seconds",
            "When the server started, in seconds since 1970.",
            (),
            {(): numbers.started_unix_ns / 1e9},
        )
        yield _gauge(
            "tracepulse_build_info", "The version that runs.", ("version",), {(numbers.version,): 1}
        )


def _counter(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> "Metric":
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def _gauge(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family
