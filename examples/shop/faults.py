"""
Everything that can be done to the shop while it runs, each with its written truth.

`truth/<name>.json` is what a checker compares answers with: what happens, where, when it shows, which
signals carry it and what must not be blamed. README.md describes the keys.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

TRUTH = Path(__file__).parent / "truth"
PATCHES = Path(__file__).parent / "changes"

FIRST_VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        "catalogue": "3.1.4",
        "session": "1.8.2",
        "fulfilment": "1.0.3",
        "checkout": "5.2.1",
        "gateway": "3.0.0",
    }
)
"""What runs at the start, by service; also the order in which they are started."""

Cause = Literal["release", "setting", "outside", "customers"]
"""What a change is: a commit that is released, a variable, somebody else's doing, people."""


@dataclass(frozen=True, slots=True)
class ShopChange:
    """Something that can be done to the shop, and undone."""

    name: str
    by: Cause
    service: str
    """What it is done to: the one service that is released or set anew, or `payment`, or `gateway`."""
    version: str
    """What a released service is called afterwards; empty where nothing is released."""
    settings: Mapping[str, str]
    """Variables of the service, arguments of the outside process, or who comes (with a release too)."""
    harmful: bool
    """Whether it is a fault."""
    effect: str
    """What happens then, for people."""
    truth: Mapping[str, Any]
    """The file, whole."""

    @property
    def patch(self) -> Path:
        """The recorded commit, of a release."""
        return PATCHES / f"{self.name}.patch"


def _read(path: Path) -> ShopChange:
    truth: dict[str, Any] = json.loads(path.read_text())
    done = truth["done"]
    return ShopChange(
        name=path.stem,
        by=done["by"],
        service=done["service"],
        version=done.get("version", ""),
        settings=MappingProxyType(dict(done.get("settings", {}))),
        harmful=truth["is_fault"],
        effect=truth["what"],
        truth=MappingProxyType(truth),
    )


CHANGES: Mapping[str, ShopChange] = MappingProxyType(
    {path.stem: _read(path) for path in sorted(TRUTH.glob("*.json"))}
)
FAULTS = tuple(change.name for change in CHANGES.values() if change.harmful)
NOT_FAULTS = tuple(change.name for change in CHANGES.values() if not change.harmful)
DECOY = "catalogue-cache"
