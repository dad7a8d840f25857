-- Traces whose root (or, failing one, server span) failed; a choice that does not depend on order.
SELECT TraceId AS trace_id
FROM @spans
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND DataSet = {data_set:String}
    AND (
        StatusCode = 'Error'
        OR toUInt16OrZero(SpanAttributes['http.response.status_code']) >= 400
        OR toUInt16OrZero(SpanAttributes['http.status_code']) >= 400
    )
    AND (ParentSpanId = '' OR {any_span:UInt8})
    AND ({operation:String} = '' OR SpanName = {operation:String})
    AND ({service:String} = '' OR ServiceName = {service:String})
GROUP BY trace_id
ORDER BY sipHash64(trace_id), trace_id
LIMIT {limit:UInt64}
