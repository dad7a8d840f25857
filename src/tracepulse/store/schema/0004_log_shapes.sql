-- The shape of each log record, by the id that the engine's own hash gives it. Rows that were stored
-- before this column came get theirs when they are read.
ALTER TABLE otel_logs
    ADD COLUMN IF NOT EXISTS ShapeId UInt64 DEFAULT sipHash64(@pattern_shape) CODEC(ZSTD(1))
--
-- Some lines of each shape of a day: those with the lowest hashes, whatever the order in which they came.
-- A row without an example only says that the shape was seen earlier than its other rows say.
CREATE TABLE IF NOT EXISTS log_shapes
(
    DataSet LowCardinality(String),
    ReceivedOn Date,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ShapeId UInt64 CODEC(ZSTD(1)),
    Hash UInt64 CODEC(ZSTD(1)),
    Example String CODEC(ZSTD(1)),
    FirstSeen DateTime64(9) CODEC(ZSTD(1)),
    SegmentId LowCardinality(String)
)
ENGINE = @engine
PARTITION BY (DataSet, ReceivedOn)
ORDER BY (DataSet, ServiceName, ShapeId, Hash)
SETTINGS @table_settings
--
-- Detection looks at the last half-hour: its lines from WARN on are counted by the new shapes, or each
-- of them would seem to be new. Rows of segments (255) stay. Whatever is done twice changes nothing.
ALTER TABLE log_bins
    DELETE WHERE SeverityNumber >= 13 AND SeverityNumber != 255 AND DataSet = ''
        AND Bin >= toStartOfHour(now() - 3600)
    SETTINGS mutations_sync = 2
--
INSERT INTO log_bins (DataSet, ReceivedOn, Bin, ServiceName, SeverityNumber, Shape, Trust, Lines, FirstLine)
SELECT
    DataSet, toDate(ReceivedAt, 'UTC') AS ReceivedOn, toDateTime(toStartOfInterval(Timestamp, INTERVAL 5 SECOND)) AS Bin,
    ServiceName, SeverityNumber, @pattern_shape AS Shape, Trust, count(), min(Timestamp)
FROM otel_logs
WHERE SeverityNumber >= 13 AND DataSet = '' AND Timestamp >= toStartOfHour(now() - 3600)
GROUP BY DataSet, ReceivedOn, Bin, ServiceName, SeverityNumber, Shape, Trust
