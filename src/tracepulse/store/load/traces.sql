-- One segment of traces into otel_traces.
-- Macros: @source the segment as a table; @map(x) attributes as a map of texts; @id(x) bytes as hex; @optional_id(x) the same, '' for zeros.
INSERT INTO otel_traces
(
    Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName,
    ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage,
    Events.Timestamp, Events.Name, Events.Attributes,
    Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes,
    ReceivedAt, Origin, Trust, DataSet, SegmentId
)
SELECT
    fromUnixTimestamp64Nano(toInt64(span.start_time_unix_nano)) AS Timestamp,
    @id(span.trace_id) AS TraceId,
    @id(span.span_id) AS SpanId,
    @optional_id(span.parent_span_id) AS ParentSpanId,
    span.trace_state AS TraceState,
    span.name AS SpanName,
    transform(
        span.kind,
        [1, 2, 3, 4, 5],
        ['Internal', 'Server', 'Client', 'Producer', 'Consumer'],
        'Unspecified'
    ) AS SpanKind,
    resource_map['service.name'] AS ServiceName,
    resource_map AS ResourceAttributes,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    @map(span.attributes) AS SpanAttributes,
    -- A span that ends before it starts took no time.
    if(
        span.end_time_unix_nano > span.start_time_unix_nano,
        span.end_time_unix_nano - span.start_time_unix_nano,
        0
    ) AS Duration,
    transform(span.status.code, [1, 2], ['Ok', 'Error'], 'Unset') AS StatusCode,
    span.status.message AS StatusMessage,
    arrayMap(e -> fromUnixTimestamp64Nano(toInt64(e.time_unix_nano)), span.events) AS `Events.Timestamp`,
    arrayMap(e -> e.name, span.events) AS `Events.Name`,
    arrayMap(e -> @map(e.attributes), span.events) AS `Events.Attributes`,
    arrayMap(l -> @id(l.trace_id), span.links) AS `Links.TraceId`,
    arrayMap(l -> @id(l.span_id), span.links) AS `Links.SpanId`,
    arrayMap(l -> l.trace_state, span.links) AS `Links.TraceState`,
    arrayMap(l -> @map(l.attributes), span.links) AS `Links.Attributes`,
    fromUnixTimestamp64Nano(toInt64(received_unix_ns)) AS ReceivedAt,
    origin AS Origin,
    trust AS Trust,
    data_set AS DataSet,
    {segment_id:String} AS SegmentId
FROM
(
    SELECT
        resource_map, received_unix_ns, origin, trust, data_set,
        scoped.scope.name AS scope_name,
        scoped.scope.version AS scope_version,
        scoped.spans AS spans
    FROM
    (
        SELECT
            @map(grouped.resource.attributes) AS resource_map,
            grouped.scope_spans AS scope_spans,
            received_unix_ns, origin, trust, data_set
        FROM @source
        ARRAY JOIN resource_spans AS grouped
    )
    ARRAY JOIN scope_spans AS scoped
)
ARRAY JOIN spans AS span
