-- Requests of one route by version, minute and thirty-second of a doubling of their length.
SELECT
    @version_of_resource AS version,
    minute,
    bucket,
    toInt64(sum(held)) AS held
FROM
(
    SELECT
        @resource AS resource,
        toInt64(intDiv(toUnixTimestamp64Nano(Timestamp), 60000000000)) AS minute,
        toInt64(floor(log2(toFloat64(Duration) + 1) * 32)) AS bucket,
        count() AS held
    FROM @spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
        AND SpanName = {route:String}
        AND (SpanKind IN ('Server', 'Consumer') OR ParentSpanId = '')
        @filters
    GROUP BY resource, minute, bucket
)
GROUP BY version, minute, bucket
ORDER BY version, minute, bucket
