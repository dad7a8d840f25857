-- What detection and the overview read instead of the raw rows. Each table is filled by a view from
-- rollups/<table>.sql; the same SELECT rebuilds it after a crash (load/loader.py).

CREATE TABLE IF NOT EXISTS span_bins
(
    DataSet LowCardinality(String),
    Bin DateTime,
    ServiceName LowCardinality(String),
    SpanName LowCardinality(String),
    SpanKind LowCardinality(String),
    IsRoot UInt8,
    Calls SimpleAggregateFunction(sum, UInt64),
    Errors SimpleAggregateFunction(sum, UInt64),
    Refused SimpleAggregateFunction(sum, UInt64),
    FirstError SimpleAggregateFunction(min, DateTime64(9)),
    FirstRefused SimpleAggregateFunction(min, DateTime64(9))
)
ENGINE = @aggregating_engine
PARTITION BY toYYYYMM(Bin)
ORDER BY (DataSet, Bin, ServiceName, SpanName, SpanKind, IsRoot)
TTL Bin + INTERVAL 2 DAY DELETE WHERE DataSet = ''
SETTINGS @rollup_settings
--
CREATE TABLE IF NOT EXISTS log_bins
(
    DataSet LowCardinality(String),
    Bin DateTime,
    ServiceName LowCardinality(String),
    SeverityNumber UInt8,
    Shape String CODEC(ZSTD(1)),
    Trust LowCardinality(String),
    Lines SimpleAggregateFunction(sum, UInt64),
    FirstLine SimpleAggregateFunction(min, DateTime64(9))
)
ENGINE = @aggregating_engine
PARTITION BY toYYYYMM(Bin)
ORDER BY (DataSet, Bin, ServiceName, SeverityNumber, Shape, Trust)
TTL Bin + INTERVAL 2 DAY DELETE WHERE DataSet = ''
SETTINGS @rollup_settings
--
CREATE TABLE IF NOT EXISTS span_minutes
(
    DataSet LowCardinality(String),
    Minute DateTime,
    ServiceName LowCardinality(String),
    SpanName LowCardinality(String),
    SpanKind LowCardinality(String),
    Calls SimpleAggregateFunction(sum, UInt64),
    Errors SimpleAggregateFunction(sum, UInt64),
    DurationSumNs SimpleAggregateFunction(sum, UInt64),
    -- Durations by eighths of a power of two: exact to 9%, and sums of sums stay exact.
    DurationBuckets SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))
)
ENGINE = @aggregating_engine
PARTITION BY toYYYYMM(Minute)
ORDER BY (DataSet, Minute, ServiceName, SpanName, SpanKind)
TTL Minute + INTERVAL 400 DAY DELETE WHERE DataSet = ''
SETTINGS @rollup_settings
