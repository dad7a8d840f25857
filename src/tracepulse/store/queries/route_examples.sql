-- Traces of a route whose span lasted at least so long: those nearest to it, and their roots.
SELECT
    trace_id,
    any(root_service) AS root_service,
    any(root_name) AS root_name
FROM
(
    SELECT
        TraceId AS trace_id,
        if(ParentSpanId = '', ServiceName, '') AS root_service,
        if(ParentSpanId = '', SpanName, '') AS root_name
    FROM @spans
    WHERE DataSet = {data_set:String}
        AND Timestamp >= fromUnixTimestamp64Nano({start:Int64} - 60000000000)
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND TraceId IN
        (
            SELECT TraceId
            FROM @spans
            WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
                AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
                AND DataSet = {data_set:String}
                AND ServiceName = {service:String}
                AND SpanName = {route:String}
                AND SpanKind IN ('Server', 'Consumer')
                AND Duration >= {least_ns:Int64}
            ORDER BY Duration, TraceId
            LIMIT {limit:UInt64}
        )
        AND ParentSpanId = ''
)
GROUP BY trace_id
ORDER BY trace_id
