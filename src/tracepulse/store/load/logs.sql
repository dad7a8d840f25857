-- One segment of logs into otel_logs. Macros as in traces.sql; @text(x) is a value as text.
INSERT INTO otel_logs
(
    Timestamp, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, ServiceName, Body,
    ResourceSchemaUrl, ResourceAttributes, ScopeSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes,
    LogAttributes, EventName, ReceivedAt, Origin, Trust, DataSet, SegmentId
)
SELECT
    -- OTLP: time_unix_nano, else the instant at which it was observed; else when we received it.
    fromUnixTimestamp64Nano(toInt64(multiIf(
        record.time_unix_nano != 0, record.time_unix_nano,
        record.observed_time_unix_nano != 0, record.observed_time_unix_nano,
        received_unix_ns
    ))) AS Timestamp,
    @optional_id(record.trace_id) AS TraceId,
    @optional_id(record.span_id) AS SpanId,
    toUInt8(bitAnd(record.flags, 255)) AS TraceFlags,
    record.severity_text AS SeverityText,
    toUInt8(if(record.severity_number BETWEEN 0 AND 24, record.severity_number, 0)) AS SeverityNumber,
    resource_map['service.name'] AS ServiceName,
    @text(record.body) AS Body,
    resource_schema_url AS ResourceSchemaUrl,
    resource_map AS ResourceAttributes,
    scope_schema_url AS ScopeSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_map AS ScopeAttributes,
    @map(record.attributes) AS LogAttributes,
    record.event_name AS EventName,
    fromUnixTimestamp64Nano(toInt64(received_unix_ns)) AS ReceivedAt,
    origin AS Origin,
    trust AS Trust,
    data_set AS DataSet,
    {segment_id:String} AS SegmentId
FROM
(
    SELECT
        resource_map, resource_schema_url, received_unix_ns, origin, trust, data_set,
        scoped.schema_url AS scope_schema_url,
        scoped.scope.name AS scope_name,
        scoped.scope.version AS scope_version,
        @map(scoped.scope.attributes) AS scope_map,
        scoped.log_records AS records
    FROM
    (
        SELECT
            @map(grouped.resource.attributes) AS resource_map,
            grouped.schema_url AS resource_schema_url,
            grouped.scope_logs AS scope_logs,
            received_unix_ns, origin, trust, data_set
        FROM @source
        ARRAY JOIN resource_logs AS grouped
    )
    ARRAY JOIN scope_logs AS scoped
)
ARRAY JOIN records AS record
