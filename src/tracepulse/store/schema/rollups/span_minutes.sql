SELECT
    DataSet,
    @bin AS Minute,
    ServiceName,
    SpanName,
    SpanKind,
    count() AS Calls,
    countIf(StatusCode = 'Error') AS Errors,
    sum(Duration) AS DurationSumNs,
    sumMap(map(toUInt16(floor(log2(Duration + 1) * 8)), toUInt64(1))) AS DurationBuckets
FROM otel_traces
GROUP BY DataSet, Minute, ServiceName, SpanName, SpanKind
