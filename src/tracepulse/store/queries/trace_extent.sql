-- How much there is of a trace, by data set.
SELECT
    DataSet AS data_set,
    uniqExact(SpanId, Timestamp, SpanKind) AS spans,
    toUnixTimestamp64Nano(min(Timestamp)) AS start_unix_ns,
    max(toUnixTimestamp64Nano(Timestamp) + toInt64(least(Duration, 9000000000000000000))) AS end_unix_ns
FROM @spans
WHERE has({trace_ids:Array(String)}, TraceId)
    AND ({any_data_set:UInt8} OR DataSet = {data_set:String})
GROUP BY data_set
ORDER BY data_set
LIMIT 1
