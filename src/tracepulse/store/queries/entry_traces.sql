-- Routes by which requests come in, most frequent first, with some traces of each: those whose hashes
-- are the smallest, so that the same spans give the same traces.
SELECT
    ServiceName AS service,
    SpanName AS operation,
    count() AS requests,
    arrayMap(pair -> pair.2, groupArraySorted(20)((cityHash64(TraceId), TraceId))) AS trace_ids
FROM @spans
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND DataSet = {data_set:String}
    AND ParentSpanId = ''
    AND ({service:String} = '' OR ServiceName = {service:String})
    AND ({operation:String} = '' OR SpanName = {operation:String})
GROUP BY service, operation
ORDER BY requests DESC, service, operation
LIMIT {limit:UInt64}
