"""What is said of a span's place in its trace: one bit each, so that kernels can test them."""

__all__ = [
    "ASYNCHRONOUS",
    "BESIDE_PAINT",
    "CALLS_SERVER",
    "CHOSEN",
    "CYCLE",
    "DUPLICATE",
    "LEFT_BEHIND",
    "ORPHAN",
    "OUTLIVES_PARENT",
    "OUTSIDE_PARENT",
    "PARENTLESS",
    "STARTS_BEFORE_PARENT",
    "UNUSABLE",
]

PARENTLESS = 1
"""Names no parent."""
ORPHAN = 2
"""Names a parent that is not there."""
CYCLE = 4
"""Names a descendant as its parent; the link is cut at the cycle's earliest span."""
DUPLICATE = 8
"""Another span with this id was kept: set aside."""
UNUSABLE = 16
"""No id, a negative length, or a time outside 1933 to 2116: set aside."""
ASYNCHRONOUS = 32
"""Takes a message in: whoever sent it did not wait."""
STARTS_BEFORE_PARENT = 64
OUTLIVES_PARENT = 128
OUTSIDE_PARENT = 256
"""Shares no time with its parent."""
CALLS_SERVER = 512
"""A client span whose server span is there."""
CHOSEN = 1024
"""The caller asked for this span as the root."""
LEFT_BEHIND = 2048
"""Many traces show that its parent does not wait for it."""
BESIDE_PAINT = 4096
"""The paint that is asked about does not wait for it."""
