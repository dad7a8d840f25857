"""
What is installed and what is loaded, in small steps on the exporter's thread.

A vulnerability that is installed matters less than one that is loaded, and that less than one that
runs: the last is told by tripwires, which others arm here.
"""

import sys
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Set

__all__ = ["Report", "Tripwire", "inventory"]

Report = Callable[[str, Dict[str, Any]], None]
"""Queues an event: tag and details."""

INVENTORY_TAG = "debugqueue.inventory"
_FIRST_AFTER_S = 5.0
_AGAIN_AFTER_S = 60.0
_PER_EVENT = 64
_MAX_RECORD_CHARS = 256 * 1024


class Tripwire:
    """
    Tells that something ran that should be known of. To be derived from.

    `arm` is called once in each process, on the exporter's thread, after the first inventory; it must
    return soon. `report` may then be called from any thread, at any time.
    """

    def arm(self, report: Report) -> None:
        """Begin to watch; call `report` with a tag and details for each find."""


def inventory(report: Report, tripwires: Iterable[Tripwire] = ()) -> Iterator[float]:
    """
    Report the installed distributions, then those that are loaded, and later newly loaded ones.

    Yields:
        In how many seconds the next step is due.
    """
    yield _FIRST_AFTER_S
    names: Dict[str, str] = {}
    modules: Dict[str, str] = {}
    for distribution in _distributions():
        name = _read(distribution, names, modules)
        yield 0.0 if name is None else 0.001
    _tell(report, "installed", sorted(names.values()))
    told: Set[str] = set()
    _tell_loaded(report, names, modules, told)
    for tripwire in tripwires:
        tripwire.arm(report)
        yield 0.0
    while True:
        yield _AGAIN_AFTER_S
        _tell_loaded(report, names, modules, told)


def _distributions() -> Iterator[Any]:
    yield from sys.modules["importlib.metadata"].distributions()


def _read(distribution: Any, names: Dict[str, str], modules: Dict[str, str]) -> Optional[str]:
    """Note a distribution's name, version and top modules; None where it cannot be read."""
    try:
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        head = text.partition("\n\n")[0]
        name, version = _header(head, "Name"), _header(head, "Version")
        if not name or name in names:  # the first on the path is the one that is imported
            return None
        names[name] = f"{name}=={version}"
        for module in _top_modules(distribution):
            modules.setdefault(module, name)
        return name
    except Exception:
        return None


def _header(head: str, name: str) -> str:
    for line in head.splitlines():
        if line.startswith(f"{name}:"):
            return line.partition(":")[2].strip()
    return ""


def _top_modules(distribution: Any) -> List[str]:
    top = distribution.read_text("top_level.txt")
    if top:
        return [line.strip() for line in top.splitlines() if line.strip()]
    record = (distribution.read_text("RECORD") or "")[:_MAX_RECORD_CHARS]
    paths = (line.partition(",")[0] for line in record.splitlines())
    found = {path.partition("/")[0] for path in paths if path.endswith((".py", ".so", ".pyd"))}
    return sorted({each.partition(".")[0] for each in found if not each.startswith("..")})


def _tell_loaded(
    report: Report, names: Dict[str, str], modules: Dict[str, str], told: Set[str]
) -> None:
    loaded = {module.partition(".")[0] for module in list(sys.modules)}
    found = {modules[module] for module in loaded if module in modules}
    new = sorted(names[name] for name in found - told)
    told |= found
    _tell(report, "loaded", new)


def _tell(report: Report, kind: str, packages: List[str]) -> None:
    """Report packages in events of so many each; no event for none."""
    parts = range(0, len(packages), _PER_EVENT)
    for part, start in enumerate(parts, 1):
        details = {
            f"{INVENTORY_TAG}.kind": kind,
            f"{INVENTORY_TAG}.packages": packages[start : start + _PER_EVENT],
            f"{INVENTORY_TAG}.part": part,
            f"{INVENTORY_TAG}.parts": len(parts),
            "package.ecosystem": "pypi",
        }
        report(INVENTORY_TAG, details)
