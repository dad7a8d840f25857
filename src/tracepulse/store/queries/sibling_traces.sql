-- The latest traces of a route that began no later than one of them.
SELECT
    TraceId AS trace_id,
    min(toUnixTimestamp64Nano(Timestamp)) AS start_unix_ns,
    max(toUnixTimestamp64Nano(Timestamp) + toInt64(least(Duration, 9000000000000000000))) AS end_unix_ns
FROM @spans
WHERE ServiceName = {service:String}
    AND SpanName = {operation:String}
    AND ParentSpanId = ''
    AND Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND intDiv(toUnixTimestamp64Nano(Timestamp), 600000000000) >= intDiv({start:Int64}, 600000000000)
    AND DataSet = {data_set:String}
GROUP BY TraceId
ORDER BY start_unix_ns DESC, trace_id
LIMIT {limit:UInt64}
