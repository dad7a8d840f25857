SELECT
    DataSet,
    toStartOfInterval(toDateTime(Timestamp), INTERVAL 5 SECOND) AS Bin,
    ServiceName,
    SpanName,
    SpanKind,
    toUInt8(ParentSpanId = '') AS IsRoot,
    count() AS Calls,
    countIf(StatusCode = 'Error') AS Errors,
    countIf(
        StatusCode != 'Error'
        AND (
            SpanAttributes['http.response.status_code'] LIKE '4__'
            OR SpanAttributes['http.status_code'] LIKE '4__'
        )
    ) AS Refused
FROM otel_traces
GROUP BY DataSet, Bin, ServiceName, SpanName, SpanKind, IsRoot
