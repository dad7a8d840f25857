-- Calls that a link shows: what a consumer links to, or what links to a producer, unless it is its parent too.
SELECT
    caller, callee,
    count() AS calls,
    sum(failed) AS errors,
    sumMap([bucket], [toUInt64(1)]) AS lengths,
    min(at_unix_ns) AS first_unix_ns,
    max(at_unix_ns) AS last_unix_ns
FROM
(
    SELECT DISTINCT
        TraceId AS own_trace, SpanId AS own_span,
        ServiceName AS callee,
        SpanKind = 'Consumer' AS consumes,
        Links.TraceId AS linked_trace,
        Links.SpanId AS linked_span,
        @failed AS failed,
        toUInt16(floor(log2(toFloat64(Duration) + 1) * 16)) AS bucket,
        toUnixTimestamp64Nano(Timestamp) AS at_unix_ns
    FROM @spans
    ARRAY JOIN Links
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
        AND NOT (Links.TraceId = TraceId AND Links.SpanId = ParentSpanId)
) AS linking
INNER JOIN
(
    SELECT DISTINCT
        TraceId AS linked_trace, SpanId AS linked_span, ServiceName AS caller,
        SpanKind = 'Producer' AS produces
    FROM @spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({before:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
        AND TraceId IN
        (
            SELECT Links.TraceId
            FROM @spans
            ARRAY JOIN Links
            WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
                AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
                AND DataSet = {data_set:String}
        )
) AS linked
USING (linked_trace, linked_span)
WHERE caller != '' AND callee != '' AND caller != callee AND (consumes OR produces)
GROUP BY caller, callee
ORDER BY calls DESC, caller, callee
LIMIT {limit:UInt64}
