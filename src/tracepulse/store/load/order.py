"""
Rows in the order in which their table keeps them.

A block that comes in order is stored as it is; sorting one takes the engine about as long as all else
that it does with it, because it moves every value of every column.
"""

import numpy as np
from numpy.typing import NDArray

from tracepulse.store.load.blocks import log_instants
from tracepulse.store.load.decoded import Decoded, Indices
from tracepulse.store.load.groups import group
from tracepulse.store.load.row_types import Row
from tracepulse.store.load.texts import bytes_at

__all__ = ["in_order"]

_BUCKET_NS = 600 * 1_000_000_000


def in_order(decoded: Decoded, row: Row, chosen: Indices) -> Indices:
    """Return spans and log records by ten minutes, service, span name and time; others as they are."""
    if row is Row.SPAN:
        instants = decoded.rows.cell(Row.SPAN, "start_unix_ns")[chosen]
        names = _ranks(decoded, *decoded.codes(Row.SPAN, "name"))[chosen]
    elif row is Row.LOG:
        instants = log_instants(decoded)[chosen]
        names = np.zeros(len(chosen), np.int64)
    else:
        return chosen
    _, group_of_row, _ = decoded.ancestry(decoded.rows.owner(row)[chosen])
    services = _ranks(decoded, *decoded.service_codes())[group_of_row]
    buckets = instants // _BUCKET_NS
    series, first = group(buckets, services, names)
    order = np.lexsort((names[first], services[first], buckets[first]))
    rank = np.empty(len(first), np.int64)
    rank[order] = np.arange(len(first))
    return chosen[np.lexsort((instants, rank[series]))]


def _ranks(decoded: Decoded, codes: NDArray[np.int32], distinct: Indices) -> Indices:
    """Return for every row the place of its text among the distinct ones in the order of bytes."""
    texts = [bytes_at(decoded.text, place) for place in distinct.tolist()]
    ranks = np.empty(len(texts), np.int64)
    ranks[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
    return ranks[codes]
