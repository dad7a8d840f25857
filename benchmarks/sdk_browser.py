"""
What the browser SDK costs a page, in Debian's Chromium at a quarter of this machine's speed.

    python benchmarks/sdk_browser.py [--quick] [--json]

Chromium's own trace tells the processor time of each task of the main thread in which the SDK ran: when it
starts, for each slice of work on what the browser measured, when it sends, when the page is left. A page that
does not move by itself, with the SDK and without, tells what it adds to the layout shifts.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from playwright.sync_api import Browser, sync_playwright  # noqa: E402
from tests.e2e.visits import CHROMIUM, bundled  # noqa: E402
from tests.e2e.web_site import Site, web_site  # noqa: E402

THROTTLE = 4
CATEGORIES = ["devtools.timeline", "disabled-by-default-devtools.timeline", "v8", "toplevel"]
SHIFTS = """async () => {
  const seen = [];
  new PerformanceObserver((list) => seen.push(...list.getEntries())).observe({ type: 'layout-shift', buffered: true });
  await new Promise((done) => setTimeout(done, 500));
  return seen.reduce((sum, { value }) => sum + value, 0);
}"""


Piece = tuple[float, str]
"""Processor time in ms, and what it was spent on."""


def _pieces(trace: list[dict[str, Any]]) -> list[Piece]:
    """
    Return what the SDK took of each task of the main thread in which it ran.

    A task is the browser's: it may dispatch a click, run the page's own script and draw besides. What
    counts is the time of the compiling, evaluating and calling of the SDK's script in it, with all
    that this called, each once.
    """
    ours = [e for e in trace if e.get("ph") == "X" and "sdk.mjs" in json.dumps(e.get("args", {}))]
    ours = [e for e in ours if e["cat"].startswith(("devtools.timeline", "v8", "disabled"))]
    ours.sort(key=lambda event: (event["pid"], event["tid"], event["ts"], -event.get("dur", 0)))
    tasks = [e for e in trace if e.get("ph") == "X" and e["name"].endswith("RunTask")]
    found: dict[int, tuple[float, list[str]]] = {}
    covered = (0, 0, 0)
    for event in ours:
        here = (event["pid"], event["tid"])
        if here == covered[:2] and event["ts"] < covered[2]:
            continue
        covered = (*here, event["ts"] + event.get("dur", 0))
        around = [
            number
            for number, task in enumerate(tasks)
            if (task["pid"], task["tid"]) == here
            and task["ts"] <= event["ts"] <= task["ts"] + task.get("dur", 0)
        ]
        if not around:  # not the main thread: the parser of scripts has one of its own
            continue
        spent, names = found.setdefault(min(around, key=lambda n: tasks[n]["ts"]), (0.0, []))
        data = event.get("args", {}).get("data", {})
        name = f"{event['name']} {data.get('functionName', '')}@{data.get('lineNumber', '')}:{data.get('columnNumber', '')}"
        found[min(around, key=lambda n: tasks[n]["ts"])] = (
            spent + event.get("tdur", 0) / 1000,
            [*names, name],
        )
    return [(spent, ", ".join(names)) for spent, names in found.values()]


def _visit(browser: Browser, site: Site) -> dict[str, Any]:
    """Load the page, press a key in it, tell events, leave it."""
    page = browser.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
    browser.start_tracing(page=page, categories=CATEGORIES)
    page.goto(site.origin)
    page.wait_for_timeout(2000)
    page.click("#across")
    page.wait_for_timeout(4000)
    page.goto("about:blank")
    page.wait_for_timeout(500)
    trace = json.loads(browser.stop_tracing())["traceEvents"]
    page.close()
    return {"pieces": _pieces(trace), "messages": messages}


def _shift(browser: Browser, site: Site) -> float:
    """Return how far a page moved that has nothing of its own to move it."""
    page = browser.new_page()
    page.goto(f"{site.origin}/still")
    shift: float = page.evaluate(SHIFTS)
    page.close()
    return shift


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three visits instead of ten")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--data", type=Path, help="as for every benchmark; this one writes nothing")
    chosen = parser.parse_args()
    with web_site(bundled()) as site, sync_playwright() as playwright:
        site.endpoint = site.receiver
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        site.sdk = False
        without = _shift(browser, site)
        site.sdk = True
        added = _shift(browser, site) - without
        visits = [_visit(browser, site) for _ in range(3 if chosen.quick else 10)]
        browser.close()
    longest = sorted(max(visit["pieces"])[0] for visit in visits)
    figures = {
        "browser_longest_task_ms_at_4x_median": round(statistics.median(longest), 1),
        "browser_longest_task_ms_at_4x_worst": round(longest[-1], 1),
        "browser_total_ms_at_4x_median": round(
            statistics.median(sum(spent for spent, _ in visit["pieces"]) for visit in visits), 1
        ),
        "browser_added_layout_shift": added,
        "browser_console_messages": sum(len(visit["messages"]) for visit in visits),
        "visits": len(visits),
    }
    if chosen.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:42} {value}")
    print("what took longest in the last visit, ms:")
    for spent, what in sorted(visits[-1]["pieces"], reverse=True)[:8]:
        print(f"{spent:8.1f}  {what}")


if __name__ == "__main__":
    main()
