-- What the node keys of some traces' spans stand for.
SELECT
    @node_key AS node_key,
    any(ServiceName) AS service,
    any(SpanName) AS name,
    any(SpanKind) AS kind,
    any(@path_keys) AS keys,
    any(@path_values) AS values
FROM @spans
WHERE TraceId IN (SELECT arrayJoin({trace_ids:Array(String)}))
    AND Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND DataSet = {data_set:String}
GROUP BY node_key
