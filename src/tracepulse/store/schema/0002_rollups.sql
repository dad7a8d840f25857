-- What detection and the overview read instead of the raw rows. The loader works them out
-- (load/rollup_blocks.py); rollups/<table>.sql says in SQL what they hold. Every load leaves a marker
-- behind, a row that counts nothing and whose bin is the time of the load; after ten days it goes.
--
-- Parts follow the data set and the day of receipt, as those of the tables do.

CREATE TABLE IF NOT EXISTS span_bins
(
    DataSet LowCardinality(String),
    ReceivedOn Date,
    Bin DateTime,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    IsRoot UInt8 CODEC(ZSTD(1)),
    Calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    Errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    Refused SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    FirstError SimpleAggregateFunction(min, DateTime64(9)) CODEC(ZSTD(1)),
    FirstRefused SimpleAggregateFunction(min, DateTime64(9)) CODEC(ZSTD(1))
)
ENGINE = @aggregating_engine
PARTITION BY (DataSet, ReceivedOn)
ORDER BY (DataSet, Bin, ServiceName, SpanName, SpanKind, IsRoot)
TTL ReceivedOn + INTERVAL 3 DAY DELETE WHERE DataSet = '',
    Bin + INTERVAL 10 DAY DELETE WHERE SpanKind = 'segment'
SETTINGS @rollup_settings
--
CREATE TABLE IF NOT EXISTS log_bins
(
    DataSet LowCardinality(String),
    ReceivedOn Date,
    Bin DateTime,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8 CODEC(ZSTD(1)),
    Shape String CODEC(ZSTD(1)),
    Trust LowCardinality(String) CODEC(ZSTD(1)),
    Lines SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    FirstLine SimpleAggregateFunction(min, DateTime64(9)) CODEC(ZSTD(1))
)
ENGINE = @aggregating_engine
PARTITION BY (DataSet, ReceivedOn)
ORDER BY (DataSet, Bin, ServiceName, SeverityNumber, Shape, Trust)
TTL ReceivedOn + INTERVAL 3 DAY DELETE WHERE DataSet = '',
    Bin + INTERVAL 10 DAY DELETE WHERE SeverityNumber = 255
SETTINGS @rollup_settings
--
CREATE TABLE IF NOT EXISTS span_minutes
(
    DataSet LowCardinality(String),
    ReceivedOn Date,
    Minute DateTime,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    Calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    Errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    DurationSumNs SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    -- Durations by eighths of a power of two: exact to 9%, and sums of sums stay exact.
    DurationBuckets SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1))
)
ENGINE = @aggregating_engine
PARTITION BY (DataSet, toYYYYMM(ReceivedOn))
ORDER BY (DataSet, Minute, ServiceName, SpanName, SpanKind)
TTL ReceivedOn + INTERVAL 400 DAY DELETE WHERE DataSet = '',
    Minute + INTERVAL 10 DAY DELETE WHERE SpanKind = 'segment'
SETTINGS @rollup_settings
