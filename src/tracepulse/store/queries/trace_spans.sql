-- All spans of some traces, as columns.
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
FROM otel_traces
WHERE has({trace_ids:Array(String)}, TraceId)
ORDER BY trace_id, start_unix_ns, span_id, parent_span_id, service, name, duration_ns
LIMIT 1 BY trace_id, span_id, start_unix_ns
LIMIT {limit:UInt64}
