"""
Whether the phase that held up a page is named: pages slow in one known way each, in Chromium, and
recorded Chrome traces.

    python benchmarks/browser_phases.py [--quick] [--data DIR] [--seed N] [--json]

A server runs, Debian's Chromium visits pages that are held up in one place each, and the path up to
the largest paint, or the next paint after a click, is asked for. `named_right` counts the pages
where the span and the phase blamed most are those that were held up, and at least 70% of that time
is found (half where it is shared with the load of a picture). `subparts_sum` counts the answers
whose sections tile the whole and whose parts are not negative and sum to the paint.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.recorded_pages import recorded_pages  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from tests.e2e.slow_pages import CASES, visit  # noqa: E402
from tests.e2e.slow_site import slow_site  # noqa: E402
from tests.e2e.visits import CHROMIUM, bundled  # noqa: E402
from tests.running_server import running_server  # noqa: E402

from tracepulse.derive.blocking_path import blocking_path  # noqa: E402
from tracepulse.derive.browser_phases import INTERACTION_PARTS  # noqa: E402
from tracepulse.derive.page_paths import Until  # noqa: E402
from tracepulse.derive.paints import next_paint  # noqa: E402
from tracepulse.testing import span_columns  # noqa: E402

NEAR_MS = 2.0
"""How far parts may be from what a trace marks: its marks are rounded to 0.1 ms, threads wait for each other."""

QUICK_PAGES = 12


def _visits(rounds: int, seed: int, pages: int) -> list[dict[str, Any]]:
    """Return what was said of so many pages, in a random order."""
    found = []
    with tempfile.TemporaryDirectory() as folder, slow_site(bundled(), Path(folder)) as site:
        (Path(folder) / "server").mkdir()
        flags = ("--allowed-origins", ",".join(site.origins))
        with (
            running_server(Path(folder) / "server", None, *flags) as server,
            sync_playwright() as play,
        ):
            site.endpoint = server.otlp_http_url
            browser = play.chromium.launch(
                executable_path=str(CHROMIUM), args=["--no-sandbox", "--ignore-certificate-errors"]
            )
            for number in range(rounds):
                cases = list(CASES)
                random.Random(seed + number).shuffle(cases)
                for case in cases[:pages]:
                    begun = time.monotonic()
                    said = visit(browser, site, server, case)
                    found.append(
                        {
                            "case": case.name,
                            "truth": [case.operation, case.phase, case.of],
                            "said": [said.operation, said.phase, said.of.rpartition("/")[2]],
                            "ms": round(said.length_ms, 1),
                            "named": said.names(case),
                            "sums": said.sums(),
                            "seconds": round(time.monotonic() - begun, 1),
                            "parts": {
                                paint["name"]: [
                                    round(p["duration_ns"] / 1e6) for p in paint["parts"]
                                ]
                                for paint in said.path["paints"]
                            },
                        }
                    )
                    print(found[-1], file=sys.stderr)
            browser.close()
    return found


def _recorded(folder: Path) -> list[dict[str, Any]]:
    """Return what is said of recorded pages beside what their traces say."""
    found = []
    for page in recorded_pages(folder):
        path = blocking_path(span_columns(page.spans), until=Until.LCP, vitals=page.vitals)
        (paint,) = path.paints
        parts, edges, total = dict(paint.parts), {}, 0
        for name, length in paint.parts:
            total += length
            edges[{"load": "answered"}.get(name, name)] = total
        errors = {name: (edges[name] - at) / 1e6 for name, at in page.truth_ns.items()}
        sums: dict[str, int] = {}
        for section in path.sections:
            key = f"{section.name} {section.phase or ''}"
            sums[key] = sums.get(key, 0) + section.duration_ns
        found.append(
            {
                "page": page.name,
                "lcp_ms": paint.duration_ns / 1e6,
                "sums": paint.duration_ns == page.lcp_ns == sum(parts.values())
                and min(parts.values()) >= 0
                and sum(sums.values()) == page.lcp_ns,
                "parts_ms": {name: length / 1e6 for name, length in parts.items()},
                "errors_ms": errors,
                "near": all(abs(error) <= NEAR_MS for error in errors.values()),
                "longest_task_ms": page.longest_task_ns / 1e6,
                "phases_ms": {
                    key: round(length / 1e6, 2)
                    for key, length in sorted(sums.items(), key=lambda p: (-p[1], p[0]))
                },
            }
        )
        for start, delay, processing, whole in page.interactions:
            said = {
                key: str(length / 1e6)
                for key, length in zip(
                    INTERACTION_PARTS, (delay, processing, whole - delay - processing), strict=True
                )
            }
            inp = next_paint("i", start, said)
            sums_up = inp is not None and min(dict(inp.parts).values()) >= 0
            found.append({"page": f"{page.name} interaction", "sums": sums_up, "near": True})
    return found


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a dozen of the pages, by seed, instead of all three times",
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--seed", type=int, default=1, help="of the order of visits")
    parser.add_argument("--data", type=Path, help="folder of recorded Chrome traces")
    parser.add_argument("--recorded-only", action="store_true", help="visit no pages")
    chosen = parser.parse_args()
    visits = (
        []
        if chosen.recorded_only
        else _visits(
            1 if chosen.quick else 3, chosen.seed, QUICK_PAGES if chosen.quick else len(CASES)
        )
    )
    folder = (
        chosen.data / "browser"
        if chosen.data and (chosen.data / "browser").is_dir()
        else chosen.data
    )
    recorded = _recorded(folder) if folder else []
    figures = {
        "cases": len(visits),
        "named_right": sum(each["named"] for each in visits),
        "subparts_sum": sum(each["sums"] for each in visits),
        "recorded": len(recorded),
        "recorded_right": sum(each["sums"] and each["near"] for each in recorded),
        "pages": recorded,
        "wrong": [each for each in visits if not each["named"] or not each["sums"]],
    }
    print(json.dumps(figures) if chosen.json else json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
