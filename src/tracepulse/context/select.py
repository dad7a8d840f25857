"""What fits a token budget: the least valuable parts go first, and what went is said."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tracepulse.context.bundle import Bundle, LeftOut
from tracepulse.context.cite import cited_only
from tracepulse.errors import BadQuestion

__all__ = ["DEFAULT_MAX_TOKENS", "HARD_MAX_TOKENS", "MIN_TOKENS", "estimate_tokens", "fit"]

DEFAULT_MAX_TOKENS = 6_000
HARD_MAX_TOKENS = 24_000
"""Agents cut what is over 25,000."""
MIN_TOKENS = 400
"""Less holds no answer with its evidence."""

VALUES: dict[str, tuple[float, float]] = {
    "hypotheses": (100, 25),
    "failure": (98, 22),
    "impact": (96, 20),
    "code": (94, 22),
    "flow": (90, 9),
    "logs": (88, 9),
    "timeline": (80, 3),
    "blocking_path": (70, 0),
    "ruled_out": (66, 8),
    "next_calls": (50, 5),
}
"""Per section the value of its first part, and how much less each further one is worth."""

SECTION_WORDS: dict[str, str] = {
    "hypotheses": "further hypotheses",
    "failure": "facts on where failures begin",
    "impact": "facts on the impact",
    "code": "hunks",
    "flow": "facts on the flow",
    "logs": "log shapes",
    "timeline": "moments of the timeline",
    "blocking_path": "the blocking path",
    "ruled_out": "things that are not the cause",
    "next_calls": "ready-made calls",
}


@dataclass(frozen=True, slots=True)
class _Part:
    section: str
    index: int
    value: float


def estimate_tokens(text: str) -> int:
    """
    Return about how many tokens a text has: one for every four characters, rounded up.

    Characters outside ASCII count as a token each, since tokenizers split them.
    """
    plain = sum(character < "\x80" for character in text)
    return -(-plain // 4) + (len(text) - plain)


def fit(bundle: Bundle, render: Callable[[Bundle], str], max_tokens: int) -> Bundle:
    """
    Return the bundle without its least valuable parts, so that its rendering keeps to a budget.

    Evidence keeps its numbers. When even the core is too long, the core is returned.

    Raises:
        BadQuestion: the budget is below `MIN_TOKENS`.

    """
    if max_tokens < MIN_TOKENS:
        raise BadQuestion(f"max_tokens is {max_tokens}; give at least {MIN_TOKENS}")
    budget = min(max_tokens, HARD_MAX_TOKENS)
    whole = cited_only(bundle)
    size = estimate_tokens(render(whole))
    if size <= budget:
        return whole
    order = sorted(_parts(bundle), key=lambda part: (part.value, part.section, -part.index))
    low, high = 1, len(order)
    while low < high:
        middle = (low + high) // 2
        if estimate_tokens(render(_without(bundle, order[:middle], size))) <= budget:
            high = middle
        else:
            low = middle + 1
    return _without(bundle, order[:low], size)


def _parts(bundle: Bundle) -> Iterator[_Part]:
    for section, (first, step) in VALUES.items():
        content = getattr(bundle, section)
        count = len(content) if isinstance(content, tuple) else int(content is not None)
        for index in range(count):
            # The first hypothesis and the summary are the answer itself.
            if (section, index) != ("hypotheses", 0):
                yield _Part(section, index, max(1.0, first - step * index))


def _without(bundle: Bundle, dropped: list[_Part], full_tokens: int) -> Bundle:
    gone: Counter[str] = Counter(part.section for part in dropped)
    changes: dict[str, object] = {}
    for section in sorted(gone):
        content = getattr(bundle, section)
        indexes = {part.index for part in dropped if part.section == section}
        if isinstance(content, tuple):
            changes[section] = tuple(c for i, c in enumerate(content) if i not in indexes)
        else:
            changes[section] = None
    how = f"ask with max_tokens={min(_round_up(full_tokens), HARD_MAX_TOKENS)}"
    what = ", ".join(f"{gone[name]} {SECTION_WORDS[name]}" for name in VALUES if gone[name])
    notes = [LeftOut(what, len(dropped), "the token budget", how)]
    shortened = replace(bundle, left_out=(*bundle.left_out, *notes), **changes)  # type: ignore[arg-type]
    return cited_only(shortened)


def _round_up(tokens: int) -> int:
    return -(-(tokens + tokens // 20) // 100) * 100
