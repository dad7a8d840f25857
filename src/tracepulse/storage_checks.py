"""What the doctor says of the accounts, and of damage that was done to stored files."""

from tracepulse.accounting.terms import Accounting
from tracepulse.deliver.api.services import Check
from tracepulse.instants import rfc3339
from tracepulse.journal.recovery import Damage
from tracepulse.store.damage import StoreCheck

__all__ = ["balance", "journal_damage", "store_damage"]

_SAID = 5
"""More are only counted."""


def balance(accounting: Accounting) -> Check:
    """Say whether the accounts add up, and where they do not."""
    sums = (
        f"{accounting.stored:,} stored + {accounting.deduplicated:,} deduplicated"
        f" + {accounting.rejected:,} rejected + {accounting.queued:,} queued"
    )
    if accounting.holds:
        return Check("accounting", True, f"adds up: {accounting.received:,} received = {sums}")
    where = [
        f"{each.signal}: {abs(each.difference):,} records"
        f" {'are nowhere' if each.difference > 0 else 'came from nowhere'}"
        for each in accounting.signals
        if each.difference
    ]
    found = "; ".join((*where, *accounting.faults[-_SAID:]))
    text = f"does not add up: {accounting.received:,} received, but {sums}; {found}"
    return Check("accounting", False, text)


def journal_damage(damaged: tuple[Damage, ...]) -> Check:
    """Say which acknowledged messages were lost, and of what time."""
    if not damaged:
        return Check("journal", True, "every segment that was found could be read")
    told = "; ".join(
        f"{each}, received {_between(each.after_unix_ns, each.before_unix_ns)}"
        for each in damaged[:_SAID]
    )
    more = f"; and {len(damaged) - _SAID} more" if len(damaged) > _SAID else ""
    return Check("journal", False, f"damaged on disk and lost: {told}{more}")


def _between(after_unix_ns: int, before_unix_ns: int) -> str:
    if not after_unix_ns:
        return f"before {rfc3339(before_unix_ns)}"
    return f"from {rfc3339(after_unix_ns)} to {rfc3339(before_unix_ns)}"


def store_damage(check: StoreCheck | None) -> Check:
    """Say which parts of the tables cannot be read."""
    if check is None or not check.damaged:
        return Check("store parts", True, "no damaged part is known")
    told = "; ".join(str(each) for each in check.damaged[:_SAID])
    more = f"; and {len(check.damaged) - _SAID} more" if len(check.damaged) > _SAID else ""
    return Check(
        "store parts",
        False,
        f"damaged on disk and put aside: {told}{more}."
        f" {check.loaded_again} segments were loaded again from the journal",
    )
