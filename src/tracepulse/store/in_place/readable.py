"""Text that is none: a String of theirs may hold any bytes, and ours are cleaned at the door."""

from typing import Any

import pyarrow as pa

__all__ = ["readable"]


def readable(table: pa.Table) -> pa.Table:
    """Return an answer whose texts are UTF-8; bytes that are not are shown as U+FFFD."""
    try:
        table.validate(full=True)
    except pa.ArrowInvalid:
        columns = [_mended_chunks(column) for column in table.columns]
        return pa.table(columns, names=table.column_names)
    return table


def _mended_chunks(column: Any) -> Any:
    return pa.chunked_array([_mended(chunk) for chunk in column.chunks])


def _mended(array: Any) -> Any:
    if pa.types.is_string(array.type):
        raw = array.cast(pa.binary()).to_pylist()
        texts = [None if each is None else each.decode("utf-8", "replace") for each in raw]
        return pa.array(texts, pa.string())
    if pa.types.is_map(array.type):
        return pa.MapArray.from_arrays(array.offsets, _mended(array.keys), _mended(array.items))
    if pa.types.is_list(array.type):
        return pa.ListArray.from_arrays(array.offsets, _mended(array.values))
    return array
