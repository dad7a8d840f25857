"""Questions about the time around an incident's onset."""

from collections.abc import Sequence
from typing import Any

from tracepulse.model.findings import LogShapeChange, OperationChange, VersionOutcome
from tracepulse.model.findings import Window as FindingsWindow
from tracepulse.model.question import Window
from tracepulse.store.engine import Parameter
from tracepulse.store.queries.statements import Queries, window_parameters

__all__ = ["IncidentQueries"]

_ONSET_SLACK_NS = 10_000_000_000


def _onset(window: FindingsWindow) -> dict[str, Parameter]:
    return {
        "start": window.start_unix_ns,
        "onset": window.onset_unix_ns,
        "calm": window.onset_unix_ns - _ONSET_SLACK_NS,
        "end": window.end_unix_ns,
        "data_set": "",
    }


class IncidentQueries(Queries):
    """What the explanation of an incident asks."""

    def operations(self, window: FindingsWindow, limit: int) -> tuple[OperationChange, ...]:
        """Return server operations before and after an onset, by calls after it."""
        table = self._ask("operations", {**_onset(window), "limit": limit})
        return tuple(
            OperationChange(**{**row, "entry": bool(row["entry"])}) for row in table.to_pylist()
        )

    def log_shapes(self, window: FindingsWindow, limit: int) -> tuple[LogShapeChange, ...]:
        """Return log shapes before and after an onset, most lines first; without text and examples."""
        table = self._ask("log_shapes", {**_onset(window), "limit": limit})
        return tuple(
            LogShapeChange(
                **{
                    **{key: value for key, value in row.items() if key != "shape_id"},
                    "template_id": row["shape_id"],
                    "template": "",
                    "first_after_unix_ns": row["first_after_unix_ns"] or None,
                }
            )
            for row in table.to_pylist()
        )

    def shape_examples(
        self, window: FindingsWindow, shapes: Sequence[str]
    ) -> dict[tuple[str, str], tuple[tuple[int, str], ...]]:
        """Return up to 50 lines from the onset on by service and shape, each as (time, body)."""
        table = self._ask("shape_examples", {**_onset(window), "shapes": list(shapes)})
        return {
            (row["service"], row["shape_id"]): tuple(
                zip(row["instants"], row["bodies"], strict=True)
            )
            for row in table.to_pylist()
        }

    def versions(
        self, window: Window, services: Sequence[str], data_set: str = ""
    ) -> tuple[VersionOutcome, ...]:
        """Return server calls of some services by the version that answered."""
        table = self._ask(
            "versions",
            {**window_parameters(window), "services": list(services), "data_set": data_set},
        )
        return tuple(VersionOutcome(**row) for row in table.to_pylist())

    def failing_traces(
        self,
        window: Window,
        service: str = "",
        operation: str = "",
        any_span: bool = False,
        limit: int = 50,
        data_set: str = "",
    ) -> tuple[str, ...]:
        """Return ids of traces whose root failed (or any span), a stable sample."""
        table = self._ask(
            "failing_traces",
            {
                **window_parameters(window),
                "service": service,
                "operation": operation,
                "any_span": any_span,
                "limit": limit,
                "data_set": data_set,
            },
        )
        return tuple(table.column("trace_id").to_pylist())

    def coverage(self, window: Window, data_set: str = "") -> list[dict[str, Any]]:
        """Return records by signal and service."""
        table = self._ask("coverage", {**window_parameters(window), "data_set": data_set})
        return list(table.to_pylist())
