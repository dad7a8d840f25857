-- The calls of a window by a join of the whole table with itself: slow, and plain to read.
SELECT caller, callee, connection, inferred_from, count() AS calls, sum(failed) AS errors
FROM
(
    SELECT
        parent.ServiceName AS caller, child.ServiceName AS callee,
        if(child.SpanAttributes['db.system'] != '', 'database', 'http') AS connection,
        'spans' AS inferred_from, child.StatusCode = 'Error' AS failed
    FROM otel_traces AS child
    LEFT ANY JOIN
    (
        SELECT TraceId, SpanId, ServiceName FROM otel_traces WHERE DataSet = {data_set:String}
    ) AS parent
    ON child.TraceId = parent.TraceId AND child.ParentSpanId = parent.SpanId
    WHERE child.Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND child.Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND child.DataSet = {data_set:String}
        AND (parent.ServiceName != '' OR child.ParentSpanId = '')
        AND parent.ServiceName != child.ServiceName
        AND (child.ParentSpanId != '' OR child.SpanKind IN ('Server', 'Consumer'))
    UNION ALL
    SELECT
        child.ServiceName AS caller, child.SpanAttributes['db.system'] AS callee,
        'database' AS connection, 'peer' AS inferred_from, child.StatusCode = 'Error' AS failed
    FROM otel_traces AS child
    LEFT ANTI JOIN
    (
        SELECT TraceId, ParentSpanId FROM otel_traces WHERE DataSet = {data_set:String}
    ) AS answer
    ON child.TraceId = answer.TraceId AND child.SpanId = answer.ParentSpanId
    WHERE child.Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND child.Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND child.DataSet = {data_set:String}
        AND child.SpanKind IN ('Client', 'Producer')
        AND callee != ''
)
GROUP BY caller, callee, connection, inferred_from
