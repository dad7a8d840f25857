-- Log records, newest first.
SELECT
    toUnixTimestamp64Nano(Timestamp) AS time_unix_ns,
    ServiceName AS service,
    SeverityText AS severity_text,
    SeverityNumber AS severity_number,
    Body AS body,
    TraceId AS trace_id,
    SpanId AS span_id,
    LogAttributes AS attributes,
    ResourceAttributes AS resource,
    Trust AS trust,
    Origin AS origin
FROM @logs
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND TimestampTime >= toDateTime(intDiv({start:Int64}, 1000000000))
    AND TimestampTime <= toDateTime(intDiv({end:Int64}, 1000000000))
    AND DataSet = {data_set:String}
    @filters
ORDER BY Timestamp @direction, service, trace_id, span_id, body
LIMIT {limit:UInt64}
