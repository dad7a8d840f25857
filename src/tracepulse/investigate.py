"""From an incident's id to its explanation and its bundle."""

from typing import Literal

from tracepulse.context.collect import Collector
from tracepulse.core import Core
from tracepulse.deliver.api.services import Explanation
from tracepulse.errors import NotFound

__all__ = ["StoreInvestigator"]


class StoreInvestigator:
    """Explains incidents from what is stored; see `Investigator`."""

    def __init__(self, core: Core, collector: Collector) -> None:
        self._core = core
        self._collector = collector

    def explain(self, incident_id: str) -> Explanation:
        """Return the ranked causes of an incident; raises NotFound."""
        if self._core.state.incident(incident_id) is None:
            raise NotFound(f"there is no incident {incident_id}")
        return Explanation()

    def bundle(
        self, incident_id: str, form: Literal["json", "markdown"], max_tokens: int | None
    ) -> bytes:
        """Return the context bundle of an incident; see `Investigator.bundle`."""
        raise NotFound(f"there is no bundle of {incident_id} yet")
