-- Lines below WARN are counted per severity alone; from WARN on by their shape: the first line of
-- the body with everything that varies from line to line (numbers, ids, quoted text) masked.
SELECT
    DataSet,
    toStartOfInterval(toDateTime(intDiv(toUnixTimestamp64Nano(Timestamp), 1000000000)), INTERVAL 5 SECOND) AS Bin,
    ServiceName,
    SeverityNumber,
    @shape AS Shape,
    Trust,
    count() AS Lines,
    min(Timestamp) AS FirstLine
FROM otel_logs
GROUP BY DataSet, Bin, ServiceName, SeverityNumber, Shape, Trust
