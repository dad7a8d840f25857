-- All spans of some traces, as columns. A span that was sent twice counts once; a client and a
-- server that share an id, as Zipkin has it, are two.
SELECT
    TraceId AS trace_id,
    SpanId AS span_id,
    ParentSpanId AS parent_span_id,
    ServiceName AS service,
    SpanName AS name,
    SpanKind AS kind,
    StatusCode AS status_code,
    StatusMessage AS status_message,
    toUnixTimestamp64Nano(Timestamp) AS start_unix_ns,
    toInt64(least(Duration, 9000000000000000000)) AS duration_ns,
    SpanAttributes AS attributes,
    ResourceAttributes AS resource,
    ScopeName AS scope_name,
    arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp) AS event_unix_ns,
    Events.Name AS event_name,
    Events.Attributes AS event_attributes,
    Links.TraceId AS link_trace_id,
    Links.SpanId AS link_span_id,
    DataSet AS data_set,
    Origin AS origin,
    Trust AS trust
FROM @spans
WHERE has({trace_ids:Array(String)}, TraceId)
    AND ({any_data_set:UInt8} OR DataSet = {data_set:String})
ORDER BY data_set, trace_id, start_unix_ns, span_id, parent_span_id, service, name, duration_ns
LIMIT 1 BY data_set, trace_id, span_id, start_unix_ns, kind
LIMIT {limit:UInt64} OFFSET {offset:UInt64}
