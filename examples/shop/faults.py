"""Every change that can be deployed to the shop while it runs, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

PATCHES = Path(__file__).parent / "changes"

FIRST_VERSIONS: Mapping[str, str] = MappingProxyType(
    {"catalogue": "3.1.4", "session": "1.8.2", "checkout": "5.2.1", "gateway": "2.4.0"}
)
"""What runs at the start, by service; also the order in which they are started."""


@dataclass(frozen=True, slots=True)
class ShopChange:
    """A commit that is waiting to be deployed: `changes/<name>.patch`."""

    name: str
    service: str
    """The one service that is released with it."""
    version: str
    """What that service is called afterwards."""
    harmful: bool
    """Whether customers notice."""
    effect: str
    """What happens then, for people."""

    @property
    def patch(self) -> Path:
        """The recorded commit."""
        return PATCHES / f"{self.name}.patch"


_ALL = (
    ShopChange(
        "session-ttl",
        "session",
        "1.8.3",
        True,
        "sessions end 30 s after login instead of 30 min: about a third of the checkouts fail",
    ),
    ShopChange(
        "catalogue-ratings",
        "catalogue",
        "3.3.0",
        True,
        "reads every review for each product of a list: GET /products takes some 40 ms, not 1",
    ),
    ShopChange(
        "checkout-discount",
        "checkout",
        "5.3.0",
        True,
        "orders of four or more pieces of one product raise KeyError: some checkouts fail",
    ),
    ShopChange(
        "catalogue-cache",
        "catalogue",
        "3.2.0",
        False,
        "a header more on product pages: nobody notices",
    ),
)

CHANGES: Mapping[str, ShopChange] = MappingProxyType({change.name: change for change in _ALL})
FAULTS = tuple(change.name for change in _ALL if change.harmful)
DECOY = "catalogue-cache"
