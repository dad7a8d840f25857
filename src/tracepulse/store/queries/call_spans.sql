-- Spans of some traces as numbers, told apart by what they ask for, with marks on each.
SELECT
    cityHash64(TraceId) AS trace_key,
    reinterpretAsUInt64(reverse(unhex(SpanId))) AS span_id,
    reinterpretAsUInt64(reverse(unhex(ParentSpanId))) AS parent_id,
    toUnixTimestamp64Nano(Timestamp) AS start_unix_ns,
    toInt64(least(Duration, 9000000000000000000)) AS duration_ns,
    toUInt8(indexOf(['Internal', 'Server', 'Client', 'Producer', 'Consumer'], SpanKind)) AS kind,
    cityHash64(@node_key, @call_shape) AS node_key,
    cityHash64(@resource) AS resource_key,
    toUInt8(StatusCode = 'Error') AS failed,
    @call_marks AS marks
FROM @spans
WHERE TraceId IN (SELECT arrayJoin({trace_ids:Array(String)}))
    AND Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND DataSet = {data_set:String}
