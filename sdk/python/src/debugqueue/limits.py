"""Every limit of the SDK once: its unit, and what happens past it. Shared with the Node SDK."""

MAX_ATTRIBUTES = 64
"""Attributes of one event; further ones are left out and counted."""
MAX_DEPTH = 4
"""Levels of nesting; deeper values become `[too deep]`."""
MAX_VALUE_CHARS = 8 * 1024
"""Characters of one text; it is cut and ends in an ellipsis."""
MAX_EVENT_CHARS = 32 * 1024
"""Characters of all texts and names of one event; values after that are left out."""
MAX_ELEMENTS = 64
"""Elements of one list or mapping that are kept."""
MAX_VALUES = 256
"""Values at any depth of one event: lists of empty lists hold no text."""
MAX_LOOKED_AT = 1024
"""Details that are looked at; those past MAX_ATTRIBUTES are only counted as left out."""
MAX_NAME_CHARS = 256
"""Characters of a tag or of an attribute's name."""

MAX_QUEUE_EVENTS = 2048
"""Events that wait, those under way included; the newest is dropped past it."""
MAX_QUEUE_BYTES = 4 * 1024 * 1024
"""Bytes that waiting events are reckoned to hold; the newest is dropped past it."""
EVENT_BYTES = 256
"""Bytes reckoned for an event beside its texts."""
ATTRIBUTE_BYTES = 64
"""Bytes reckoned for an attribute beside its texts."""

MAX_BATCH_EVENTS = 512
"""Events of one request."""
MAX_BATCH_BYTES = 1024 * 1024
"""Bytes of one request before compression."""
GZIP_FROM_BYTES = 1024
"""A request shorter than this is not worth compressing."""
FLUSH_INTERVAL_S = 1.0
"""How long events are gathered before they are sent."""
URGENT_INTERVAL_S = 0.1
"""How long they are gathered once an error is among them."""
SLICE_EVENTS = 32
"""Events that are encoded before the clock is looked at."""
SLICE_S = 0.001
"""How long events are encoded before the host's threads get their turn: a busy host gives the
interpreter back after 5 ms only, so that shorter slices would starve the exporter."""
SLICE_PAUSE_S = 0.0001
"""How long they get, at least."""
ASIDE_STEPS = 20
"""Steps of the inventory and the like that are done between two batches."""

CONNECT_TIMEOUT_S = 2.0
"""How long a connection may take to be made."""
REQUEST_TIMEOUT_S = 10.0
"""How long a request may take in all, however slowly bytes trickle."""
MAX_ANSWER_BYTES = 64 * 1024
"""How much of an answer is read."""
FIRST_RETRY_S = 1.0
"""First wait after a failure; it doubles, with jitter, up to BREAKER_OPEN_S."""
BREAKER_FAILURES = 5
"""Failures in a row after which the server is left alone for BREAKER_OPEN_S."""
BREAKER_OPEN_S = 30.0
"""How long the server is left alone before one more try."""
MAX_RETRY_AFTER_S = 300.0
"""The longest Retry-After that is followed; a longer one is taken for this."""
MAX_BATCH_AGE_S = 300.0
"""How long a batch is tried before it is given up."""
EXIT_FLUSH_S = 2.0
"""How long the end of a process waits for what is left; not at all where nothing is."""
WARNING_INTERVAL_S = 60.0
"""How often at most a warning is written."""

MAX_FRAMES = 50
"""Frames of one exception; the middle of a longer stack is left out."""
MAX_CAUSES = 4
"""Exceptions of one chain."""
