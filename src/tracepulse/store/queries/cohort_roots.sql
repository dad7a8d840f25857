-- Roots of the requests of a cohort; of too many, those whose trace ids hash lowest.
SELECT
    TraceId AS trace_id,
    cityHash64(TraceId) AS trace_key,
    reinterpretAsUInt64(reverse(unhex(SpanId))) AS span_id,
    toUnixTimestamp64Nano(Timestamp) AS start_unix_ns,
    toInt64(least(Duration, 9000000000000000000)) AS duration_ns,
    SpanAttributes AS attributes,
    ResourceAttributes AS resource
FROM @spans
WHERE ParentSpanId = ''
    AND Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND DataSet = {data_set:String}
    @filters
ORDER BY trace_key, trace_id, duration_ns DESC, span_id
LIMIT 1 BY trace_id
LIMIT {limit:UInt64}
