"""Predictions beside the truth, as a drawing: `python benchmarks/what_if.py --draw FILE`."""

import math
from collections.abc import Sequence
from typing import Protocol

__all__ = ["drawing"]

SIDE, LEFT, TOP = 360, 60, 20
FAINT, SIM, SHOP = "#888888", "#4477aa", "#cc3311"


class Compared(Protocol):
    """One prediction."""

    @property
    def predicted_ns(self) -> float: ...
    @property
    def true_ns(self) -> float: ...


def drawing(simulated: Sequence[Compared], shop: Sequence[Compared]) -> str:
    """Return an SVG: true against predicted, both logarithmic, with the tenth around equality."""
    values = [each.true_ns for each in (*simulated, *shop)]
    values += [each.predicted_ns for each in (*simulated, *shop)]
    low, high = math.log10(min(values) * 0.8), math.log10(max(values) * 1.25)

    def place(value_ns: float) -> float:
        return (math.log10(value_ns) - low) / (high - low) * SIDE

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE + 90} {SIDE + 80}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="{FAINT}"/>',
    ]
    for factor, dash in ((1.0, ""), (1.1, "3 3"), (1 / 1.1, "3 3")):
        shift = math.log10(factor) / (high - low) * SIDE
        begin, end = max(0.0, -shift), min(float(SIDE), SIDE - shift)
        parts.append(
            f'<line x1="{LEFT + begin:.1f}" y1="{TOP + SIDE - begin - shift:.1f}"'
            f' x2="{LEFT + end:.1f}" y2="{TOP + SIDE - end - shift:.1f}" stroke="{FAINT}"'
            f' stroke-dasharray="{dash}"/>'
        )
    for tick_ms in (10, 20, 50, 100, 200, 500, 1000):
        at = place(tick_ms * 1e6)
        if 0 < at < SIDE:
            parts.append(
                f'<text x="{LEFT + at:.1f}" y="{TOP + SIDE + 16}" text-anchor="middle"'
                f' fill="{FAINT}">{tick_ms}</text><text x="{LEFT - 6}"'
                f' y="{TOP + SIDE - at + 4:.1f}" text-anchor="end" fill="{FAINT}">{tick_ms}</text>'
            )
    for found, colour in ((simulated, SIM), (shop, SHOP)):
        parts += [
            f'<circle cx="{LEFT + place(each.true_ns):.1f}"'
            f' cy="{TOP + SIDE - place(each.predicted_ns):.1f}" r="2.5" fill="{colour}"'
            ' fill-opacity="0.6"/>'
            for each in found
        ]
    middle = LEFT + SIDE // 2
    parts += [
        f'<text x="{middle}" y="{TOP + SIDE + 34}" text-anchor="middle" fill="{FAINT}">'
        "true p50 and p95, ms</text>",
        f'<text x="16" y="{TOP + SIDE // 2}" text-anchor="middle" fill="{FAINT}"'
        f' transform="rotate(-90 16 {TOP + SIDE // 2})">predicted, ms</text>',
        f'<circle cx="{LEFT + 10}" cy="{TOP + SIDE + 50}" r="4" fill="{SIM}"/>'
        f'<text x="{LEFT + 20}" y="{TOP + SIDE + 54}" fill="{FAINT}">simulated systems</text>',
        f'<circle cx="{LEFT + 160}" cy="{TOP + SIDE + 50}" r="4" fill="{SHOP}"/>'
        f'<text x="{LEFT + 170}" y="{TOP + SIDE + 54}" fill="{FAINT}">the shop, really run</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
