"""Engine settings that the store depends on, each with its reason."""

__all__ = [
    "EDGE_SETTINGS",
    "LAYOUT_SETTINGS",
    "LOAD_SETTINGS",
    "MERGE_SETTINGS",
    "ROLLUP_SETTINGS",
    "SERVER_SETTINGS",
    "TABLE_SETTINGS",
    "literal",
]

TABLE_SETTINGS = {
    "index_granularity": 8192,
    # Without these two an acknowledged insert is lost in a power cut.
    "fsync_after_insert": 1,
    "fsync_part_directory": 1,
    # A merged part is made durable before its sources may go.
    "min_rows_to_fsync_after_merge": 1,
}

LAYOUT_SETTINGS: dict[str, int | str] = {
    # Lengths of the texts inside maps stay beside the texts. In a stream of their own, at eight
    # bytes each, they are the largest part of a span: 20 of 80 bytes after compression.
    "propagate_types_serialization_versions_to_nested_types": 0,
    # Column by column: row by row, as small merges are done otherwise, takes twice the time.
    "vertical_merge_algorithm_min_rows_to_activate": 8192,
    # A fresh part is one file to write and to sync, where it would be some eighty.
    "min_level_for_wide_part": 1,
    # Sorted parts are merged by runs of rows, not row by row.
    "merge_use_batch_sorting_queue": 1,
    # Nothing reads the statistics that it would gather on every insert.
    "auto_statistics_types": "",
}
"""What only saves room and time: settings that a server does not know are left out."""

MERGE_SETTINGS = {
    # Ten parts of a size become one. With the engine's five, parts that come every two seconds are
    # old enough for the merger to join each by itself with the day's large one, over and over: half
    # of what a nearly idle server cost.
    "merge_selector_base": 10,
}
"""Likewise, for tables and roll-ups."""

ROLLUP_SETTINGS = TABLE_SETTINGS | {
    # Roll-ups of data sets share parts with live ones, so expiry rewrites; they are small.
    "ttl_only_drop_parts": 0,
}

EDGE_SETTINGS = ROLLUP_SETTINGS | {
    # A row holds a minute: in a granule of the usual size, an hour would be read with months.
    "index_granularity": 16,
}

SERVER_SETTINGS = {
    # Indexes as they are after unpacking: with twenty million spans, half of what a trace by id costs
    # is unpacking them for every question.
    "index_uncompressed_cache_size": 256 * 1024 * 1024,
    # How often the engine looks at its memory; at fifty milliseconds that is 0.2% of a core.
    "memory_worker_period_ms": 1000,
}
"""Of the engine inside this process."""

LOAD_SETTINGS = {
    # One block becomes one part, however large it is: a part is there whole or not at all.
    "max_block_size": 16_000_000,
    "max_insert_block_size": 16_000_000,
    "min_insert_block_size_rows": 16_000_000,
    "min_insert_block_size_bytes": 0,
    "max_insert_threads": 1,
    "max_threads": 1,
    "input_format_parallel_parsing": 0,
    "max_partitions_per_insert_block": 1,
    # Whether something was loaded is known by looking; an engine that ignores a block because it
    # remembers one like it would ignore the second try after a repair.
    "insert_deduplicate": 0,
    # A block of a roll-up has no two rows to put together.
    "optimize_on_insert": 0,
}


def literal(text: str) -> str:
    """Return a text of ours as a quoted SQL string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
