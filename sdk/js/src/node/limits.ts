/** Limits of the Node side: what waits, what is sent at once, and how long anything may take. */

/** Events that wait, those under way included; the newest is dropped past it. */
export const MAX_QUEUE_EVENTS = 2048;

/** Bytes that wait, reckoned at two a UTF-16 unit; the newest is dropped past it. */
export const MAX_QUEUE_BYTES = 4 * 1024 * 1024;

/** Bytes reckoned for an event beside its texts. */
export const EVENT_BYTES = 256;

/** Bytes reckoned for an attribute beside its texts. */
export const ATTRIBUTE_BYTES = 64;

/** Events of one request. */
export const MAX_BATCH_EVENTS = 512;

/** Bytes of one request before compression. */
export const MAX_BATCH_BYTES = 1024 * 1024;

/** A request shorter than this is not worth compressing. */
export const GZIP_FROM_BYTES = 1024;

/** How long events are gathered before they are sent. */
export const FLUSH_INTERVAL_MS = 1000;

/** How long events are encoded before the host gets its turn. */
export const SLICE_MS = 1;

/** How long a connection may take to be made: a connection being made keeps a process from ending. */
export const CONNECT_TIMEOUT_MS = 2000;

/** How long a request may take in all, however slowly bytes trickle. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** How much of an answer is read. */
export const MAX_ANSWER_BYTES = 64 * 1024;

/** First wait after a failure; it doubles, with jitter, up to BREAKER_OPEN_MS. */
export const FIRST_RETRY_MS = 1000;

/** Failures in a row after which the server is left alone. */
export const BREAKER_FAILURES = 5;

/** How long the server is left alone before one more try. */
export const BREAKER_OPEN_MS = 30_000;

/** The longest Retry-After that is followed; a longer one is taken for this. */
export const MAX_RETRY_AFTER_MS = 300_000;

/** How long a batch is tried before it is given up. */
export const MAX_BATCH_AGE_MS = 300_000;

/** How long the end of a process waits for what is left. */
export const EXIT_FLUSH_MS = 2000;

/** How often at most a warning is written to stderr. */
export const WARNING_INTERVAL_MS = 60_000;

/** Events a second whose place in the code is looked up: a lookup costs more than all the rest of a call. */
export const LOCATIONS_PER_SECOND = 100;
