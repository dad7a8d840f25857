"""What stood in the places of a log template that vary."""

import re
from collections.abc import Iterable

from tracepulse.model.log_shape import MASK, telling_text

__all__ = ["template_parameters"]


def template_parameters(text: str, bodies: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """
    Return for each `<*>` of a template, left to right, the values in some lines of it, sorted.

    A line counts where the template's words stand in it as they are written; where blanks or the
    number of values differ, it is left out.
    """
    parts = text.split(MASK)
    pattern = re.compile("(.*?)".join(re.escape(part) for part in parts), re.DOTALL)
    values: list[set[str]] = [set() for _ in parts[1:]]
    for body in bodies:
        found = pattern.fullmatch(" ".join(telling_text(body).split()))
        if found is not None:
            for seen, value in zip(values, found.groups(), strict=True):
                seen.add(value)
    return tuple(tuple(sorted(seen)) for seen in values)
