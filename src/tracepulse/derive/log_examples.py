"""The ids that show an edge, found again in the lines they came from."""

import re

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.compiled import Cells, kernel
from tracepulse.derive.log_episodes import Requests
from tracepulse.derive.log_tokens import LogLines, token_hash

__all__ = ["example_keys"]

MAX_EXAMPLES = 3
MAX_TRIES = 12
_RUN = re.compile(r"[0-9A-Za-z]+(?:[-_:.][0-9A-Za-z]+)*")
_PIECE = re.compile(r"[0-9A-Za-z]+")


def example_keys(
    lines: LogLines, requests: Requests, chosen: NDArray[np.bool_]
) -> tuple[tuple[str, ...], ...]:
    """
    Return for each edge up to three ids that both services mention, as the caller writes them.

    Args:
        lines: as columns.
        requests: what was found in them.
        chosen: [caller, callee]; edges are in the order of `np.nonzero`.

    """
    number = np.full(chosen.shape, -1, np.int64)
    number[chosen] = np.arange(int(chosen.sum()))
    picked = np.full((int(chosen.sum()), MAX_TRIES, 2), -1, np.int64)
    _pick(
        lines.service,
        requests.mention_line,
        requests.episode_begins,
        requests.episode_request,
        number,
        picked,
    )
    rows = []
    for tries in picked:
        found: list[str] = []
        for episode, line in tries:
            if episode < 0 or len(found) == MAX_EXAMPLES:
                break
            text = _written(lines, int(line), int(requests.episode_key[episode]))
            if text and text not in found:
                found.append(text)
        rows.append(tuple(found))
    return tuple(rows)


def _written(lines: LogLines, line: int, key: int) -> str:
    """Return the token of a line with this hash; '' for one made of a word and a number."""
    raw = lines.text[lines.begins[line] : lines.begins[line + 1]].tobytes()
    text = raw.decode("utf-8", "replace")
    for pattern in (_PIECE, _RUN):
        for token in pattern.findall(text):
            if token_hash(token) == key:
                return str(token)
    return ""


@kernel
def _pick(
    service: Cells, line: Cells, begins: Cells, request: Cells, number: Cells, picked: Cells
) -> None:
    """Note, for each edge, the first episodes that show it and the caller's line in each."""
    used = np.zeros(len(picked), np.int64)
    first_line = np.full(number.shape[0], -1, np.int64)
    listed = np.zeros(number.shape[0], np.int64)
    for episode in range(len(begins) - 1):
        if request[episode] < 0:
            continue
        many = 0
        for place in range(begins[episode], begins[episode + 1]):
            who = service[line[place]]
            if first_line[who] < 0:
                first_line[who] = line[place]
                listed[many] = who
                many += 1
        for i in range(many):
            for j in range(many):
                edge = number[listed[i], listed[j]]
                if edge >= 0 and used[edge] < picked.shape[1]:
                    picked[edge, used[edge], 0] = episode
                    picked[edge, used[edge], 1] = first_line[listed[i]]
                    used[edge] += 1
        for i in range(many):
            first_line[listed[i]] = -1
