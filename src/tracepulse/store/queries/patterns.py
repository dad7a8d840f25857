"""Questions about the shapes of log records, which templates are mined from."""

from collections.abc import Sequence

from tracepulse.model.log_pattern import KnownShape, MinuteLines, ShapeCount
from tracepulse.model.question import Window
from tracepulse.store.queries.statements import Queries, window_parameters

__all__ = ["PatternQueries"]


class PatternQueries(Queries):
    """What can be asked of shapes."""

    keeps_shapes = True
    """Lines of each shape are kept, which templates are mined from."""

    def known_shapes(self, service: str = "", data_set: str = "") -> tuple[KnownShape, ...]:
        """Return the shapes whose text is known, by service and id; of one service or of all."""
        table = self._ask("pattern_shapes", {"data_set": data_set, "service": service})
        return tuple(
            KnownShape(**{**row, "examples": tuple(row["examples"])}) for row in table.to_pylist()
        )

    def shape_counts(
        self, window: Window, service: str = "", data_set: str = ""
    ) -> tuple[ShapeCount, ...]:
        """Return the lines of each shape in a window, by service and id; each line counts once."""
        table = self._ask(
            "pattern_counts",
            {**window_parameters(window), "data_set": data_set, "service": service},
        )
        return tuple(ShapeCount(**row) for row in table.to_pylist())

    def shape_minutes(
        self, window: Window, service: str, shapes: Sequence[str], data_set: str = ""
    ) -> tuple[MinuteLines, ...]:
        """Return the lines of some shapes of a service by minute; minutes without any are left out."""
        table = self._ask(
            "pattern_minutes",
            {
                **window_parameters(window),
                "data_set": data_set,
                "service": service,
                "shapes": list(shapes),
            },
        )
        return tuple(MinuteLines(**row) for row in table.to_pylist())
