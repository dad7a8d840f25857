-- Who called whom, by minute: one row for each minute, written anew as a whole when its spans have
-- changed, the newest counts (store/edges/keeper.py). Not cut into partitions, so that minutes on
-- both sides of any boundary are written in one go.

CREATE TABLE IF NOT EXISTS edge_minutes
(
    DataSet LowCardinality(String),
    Minute DateTime,
    -- Of how many spans this was worked out: those of the minute before, of it, and of the one after.
    Covered Array(UInt64),
    Calls Nested
    (
        Caller LowCardinality(String),
        Callee LowCardinality(String),
        Connection LowCardinality(String),
        InferredFrom LowCardinality(String),
        -- Sixteenths of a power of two of the length in ns.
        Bucket UInt16,
        Calls UInt64,
        Errors UInt64
    ) CODEC(ZSTD(1)),
    Version UInt64
)
ENGINE = @replacing_engine(Version)
ORDER BY (DataSet, Minute)
TTL Minute + INTERVAL 90 DAY DELETE WHERE DataSet = ''
SETTINGS @edge_settings
