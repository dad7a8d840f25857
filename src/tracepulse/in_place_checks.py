"""What the doctor says of a database that is read in place."""

from tracepulse.context.wording import rfc3339
from tracepulse.deliver.api.services import Check
from tracepulse.errors import TracePulseError
from tracepulse.store.in_place.engine import MAX_ROWS_READ
from tracepulse.store.in_place.opening import InPlace

__all__ = ["in_place_checks"]


def in_place_checks(in_place: InPlace) -> tuple[Check, ...]:
    """Return what was detected, how far it reaches in time, and what limits hold."""
    found = Check("in place", True, "nothing is received, written or made; it is only read")
    limits = (
        f"15 s, 512 MiB and {MAX_ROWS_READ:,} rows read for one question"
        if in_place.sets_limits
        else "only the server's own: this user may set none (readonly = 1)"
    )
    tables = (
        Check(f"in place: {name}", True, detail)
        for name, _, detail in (line.partition(": ") for line in in_place.tables.describe())
    )
    return (found, *tables, *_reach(in_place), Check("in place: limits", True, limits))


def _reach(in_place: InPlace) -> tuple[Check, ...]:
    try:
        extents = in_place.telemetry.data_sets()
    except TracePulseError as error:
        return (Check("in place: time", False, str(error)),)
    if not extents:
        return (Check("in place: time", False, "the tables are empty"),)
    return tuple(
        Check(
            f"in place: time of {each.signal}",
            True,
            f"{each.records:,} records, {rfc3339(each.first_unix_ns)}"
            f" to {rfc3339(each.last_unix_ns)}",
        )
        for each in extents
    )
