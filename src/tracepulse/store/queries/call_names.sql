-- What the keys of some traces' calls stand for.
SELECT
    cityHash64(@node_key, @call_shape) AS node_key,
    any(ServiceName) AS service,
    any(SpanName) AS name,
    any(SpanKind) AS kind,
    any(@path_keys) AS keys,
    any(@path_values) AS values,
    any(@call_shape) AS shape
FROM @spans
WHERE TraceId IN (SELECT arrayJoin({trace_ids:Array(String)}))
    AND Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND DataSet = {data_set:String}
GROUP BY node_key
