-- Server operations of a window before and after an onset; see log_shapes.sql for `calm`.
SELECT
    ServiceName AS service,
    SpanName AS operation,
    min(ParentSpanId = '') AS entry,
    countIf(Timestamp < calm) AS calls_before,
    countIf(Timestamp < calm AND failed) AS errors_before,
    countIf(Timestamp < calm AND refusal) AS refused_before,
    countIf(Timestamp >= onset) AS calls_after,
    countIf(Timestamp >= onset AND failed) AS errors_after,
    countIf(Timestamp >= onset AND refusal) AS refused_after,
    toInt64(quantileExactIf(0.95)(Duration, Timestamp < calm)) AS p95_before_ns,
    toInt64(quantileExactIf(0.95)(Duration, Timestamp >= onset)) AS p95_after_ns
FROM
(
    SELECT
        ServiceName, SpanName, ParentSpanId, Timestamp, Duration,
        fromUnixTimestamp64Nano({onset:Int64}) AS onset,
        fromUnixTimestamp64Nano({calm:Int64}) AS calm,
        toUInt16OrZero(
            if(
                SpanAttributes['http.response.status_code'] != '',
                SpanAttributes['http.response.status_code'],
                SpanAttributes['http.status_code']
            )
        ) AS http_status,
        http_status BETWEEN 400 AND 499 AS refusal,
        (StatusCode = 'Error' OR http_status >= 500) AND NOT refusal AS failed
    FROM @spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
        AND SpanKind IN ('Server', 'Consumer')
)
GROUP BY service, operation
ORDER BY calls_after DESC, service, operation
LIMIT {limit:UInt64}
