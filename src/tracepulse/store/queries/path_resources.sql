-- What the resource keys of some traces' spans stand for.
SELECT
    cityHash64(@resource) AS resource_key,
    any(ResourceAttributes) AS resource
FROM @spans
WHERE TraceId IN (SELECT arrayJoin({trace_ids:Array(String)}))
    AND Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND DataSet = {data_set:String}
GROUP BY resource_key
