SELECT
    DataSet,
    toStartOfInterval(toDateTime(Timestamp), INTERVAL 5 SECOND) AS Bin,
    ServiceName,
    SpanName,
    SpanKind,
    toUInt8(ParentSpanId = '') AS IsRoot,
    count() AS Calls,
    countIf(StatusCode = 'Error') AS Errors
FROM otel_traces
GROUP BY DataSet, Bin, ServiceName, SpanName, SpanKind, IsRoot
