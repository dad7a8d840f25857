"""What an incident points at in the source: literals of log templates, routes, numbers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tracepulse.model.findings import Findings

__all__ = ["Implicated", "implicated_by", "literal_runs"]

PLACE = re.compile(r"<[^<>\s]{0,24}>|%[-+#0 ]*\d*(?:\.\d+)?[a-zA-Z]|\{[^{}]*\}|\$\{[^{}]*\}")
"""What stands for a variable part, in a template or in the source."""
HEADER = re.compile(r"\]|: | - | \| ")
"""What ends a part of a line's header, such as the logger's name: it is not in the literal."""
WORD = re.compile(r"[A-Za-z][A-Za-z_]{3,}")
COMMON = frozenset(
    "error errors failed failure warning warn info http https with from that this none null true"
    " false request response status code message exception answer upstream invalid could".split()
)


@dataclass(frozen=True, slots=True)
class Implicated:
    """Words and literals to look for; all sorted."""

    templates: tuple[str, ...]
    """New and surging log templates of the changed service."""
    words: tuple[str, ...]
    """Lower-case words of those templates and of the failing operation, common ones left out."""


def implicated_by(findings: Findings, service: str) -> Implicated:
    """Return what the incident points at in one service."""
    templates = sorted(
        {
            shape.template
            for shape in findings.log_shapes
            if shape.service == service
            and shape.count_after >= 3
            and shape.count_after > 3 * shape.count_before
        }
    )
    incident = findings.incident
    texts = [*templates]
    if incident.faulty_service == service:
        texts.append(incident.faulty_operation)
    return Implicated(tuple(templates), tuple(sorted(_words(texts))))


def _words(texts: Iterable[str]) -> set[str]:
    found = {word.lower() for text in texts for word in WORD.findall(PLACE.sub(" ", text))}
    return {word for word in found if word not in COMMON}


def literal_runs(template: str) -> tuple[str, ...]:
    """Return the constant stretches of a template that are long enough to tell something."""
    runs = [run.strip(" [](),;\"'") for part in PLACE.split(template) for run in HEADER.split(part)]
    squeezed = (" ".join(run.split()) for run in runs)
    return tuple(run for run in squeezed if len(run) >= 6 and any(c.isalpha() for c in run))
