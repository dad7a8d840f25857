-- The points of one kind of one segment of metrics. Macros as in traces.sql; what is the kind's own
-- (@own_columns, @own_values, @own_fields) stands in metrics_<kind>.sql.
INSERT INTO otel_metrics_@kind
(
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes,
    ScopeDroppedAttrCount, ScopeSchemaUrl, ServiceName, MetricName, MetricDescription, MetricUnit,
    Attributes, StartTimeUnix, TimeUnix,
    @own_columns,
    ReceivedAt, Origin, Trust, DataSet, SegmentId
)
SELECT
    resource_map AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    scope.name AS ScopeName,
    scope.version AS ScopeVersion,
    scope_map AS ScopeAttributes,
    scope.dropped_attributes_count AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_map['service.name'] AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    @map(point.attributes) AS Attributes,
    fromUnixTimestamp64Nano(toInt64(point.start_time_unix_nano)) AS StartTimeUnix,
    fromUnixTimestamp64Nano(toInt64(point.time_unix_nano)) AS TimeUnix,
    @own_values,
    fromUnixTimestamp64Nano(toInt64(received_unix_ns)) AS ReceivedAt,
    origin AS Origin,
    trust AS Trust,
    data_set AS DataSet,
    {segment_id:String} AS SegmentId
FROM
(
    SELECT
        resource_map, resource_schema_url, received_unix_ns, origin, trust, data_set,
        scope, scope_map, scope_schema_url,
        metric.name AS metric_name,
        metric.description AS metric_description,
        metric.unit AS metric_unit,
        metric.@kind.data_points AS points@own_fields
    FROM
    (
        SELECT
            resource_map, resource_schema_url, received_unix_ns, origin, trust, data_set,
            scoped.scope AS scope,
            @map(scoped.scope.attributes) AS scope_map,
            scoped.schema_url AS scope_schema_url,
            scoped.metrics AS metrics
        FROM
        (
            SELECT
                @map(grouped.resource.attributes) AS resource_map,
                grouped.schema_url AS resource_schema_url,
                grouped.scope_metrics AS scope_metrics,
                received_unix_ns, origin, trust, data_set
            FROM @source
            ARRAY JOIN resource_metrics AS grouped
        )
        ARRAY JOIN scope_metrics AS scoped
    )
    ARRAY JOIN metrics AS metric
)
ARRAY JOIN points AS point
