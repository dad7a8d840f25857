-- Calls as the caller's span names whom it calls, and who answered: '' where nobody did.
SELECT
    caller, said, answered_by, answered_as, answered_to,
    count() AS calls,
    sum(failed) AS errors,
    sumMap([bucket], [toUInt64(1)]) AS lengths,
    min(at_unix_ns) AS first_unix_ns,
    max(at_unix_ns) AS last_unix_ns
FROM
(
    SELECT
        TraceId, SpanId,
        ServiceName AS caller,
        @said_address AS said,
        @failed AS failed,
        toUInt16(floor(log2(toFloat64(Duration) + 1) * 16)) AS bucket,
        toUnixTimestamp64Nano(Timestamp) AS at_unix_ns
    FROM @spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
        AND SpanKind = 'Client'
        AND @connection_code IN (0, 1)
) AS asking
LEFT ANY JOIN
(
    SELECT
        TraceId, ParentSpanId AS SpanId, ServiceName AS answered_by,
        @said_address AS answered_as, @peer_address AS answered_to
    FROM @spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64} - 60000000000)
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64} + 60000000000)
        AND DataSet = {data_set:String}
        AND ParentSpanId != ''
        AND SpanKind IN ('Server', 'Consumer')
    ORDER BY TraceId, ParentSpanId, answered_by, answered_as, answered_to
) AS answering
USING (TraceId, SpanId)
WHERE said != '' AND caller != '' AND caller != answered_by
GROUP BY caller, said, answered_by, answered_as, answered_to
ORDER BY calls DESC, caller, said, answered_by, answered_as, answered_to
LIMIT {limit:UInt64}
