"""How many records to ask for at once, so that an answer fits the memory and the budget."""

from tracepulse.receive.pull.spending import BudgetSpent, Spend

__all__ = ["PageSize"]

_FIRST_RECORD_BYTES = 4096.0
"""What a record is taken to need before any was seen: long lines are assumed."""
_SPARE = 1.5
"""The next records may be longer than the last."""
_FIRST_RECORDS = 100
_PAGE_BYTES = 8 * 1024 * 1024
"""Aimed at for one answer."""


class PageSize:
    """The number of records of a page; learns from what answers weigh."""

    def __init__(self, most: int) -> None:
        """Begin small; `most` is what may be asked for at once."""
        self.most = most
        self._now = min(_FIRST_RECORDS, most)
        self._record_bytes = _FIRST_RECORD_BYTES

    def affordable(self, spend: Spend) -> int:
        """
        Return how many records to ask for; raises BudgetSpent when not even one would fit.

        While half of the budget is there one is asked for whatever records weighed before: these may
        be shorter, and a budget that is never used would end the reading for good.
        """
        fits = int(spend.left_bytes / (self._record_bytes * _SPARE))
        if fits < 1 and 2 * spend.left_bytes >= spend.budget.max_bytes:
            fits = 1
        if fits < 1:
            raise BudgetSpent(f"the budget of {spend.budget.max_bytes:,} bytes is used up")
        return min(self._now, fits)

    def expect(self, record_bytes: float) -> None:
        """Take what the source says of the size of records."""
        self._record_bytes = max(64.0, record_bytes)

    def measured(self, answer_bytes: int, records: int) -> None:
        """Learn from an answer."""
        if not records:
            return
        found = answer_bytes / records
        self._record_bytes = max(found, 0.7 * self._record_bytes + 0.3 * found)
        if records >= self._now:
            fits = max(1, int(_PAGE_BYTES / self._record_bytes))
            self._now = min(self.most, fits, self._now * 4)

    def grow(self, asked: int, spend: Spend) -> bool:
        """
        Ask for more at once, for one instant filled a page; False when that was the most already.

        Raises:
            BudgetSpent: more cannot be paid.
        """
        if asked >= self.most:
            return False
        self._now = min(self.most, max(self._now, asked * 4))
        if self.affordable(spend) <= asked:
            raise BudgetSpent("one instant holds more records than the budget allows")
        return True

    def shrink(self) -> bool:
        """Ask for less at once; False when it was one record already."""
        if self._now == 1:
            return False
        self._now = max(1, self._now // 4)
        return True

    def limit_to(self, most: int) -> None:
        """Obey the most that a source gives at once."""
        self.most = most
        self._now = min(self._now, most)
