-- Which metrics there are.
SELECT kind, name, service, any(unit) AS unit, count() AS points
FROM
(
    SELECT 'gauge' AS kind, MetricName AS name, ServiceName AS service, MetricUnit AS unit, DataSet
    FROM otel_metrics_gauge
    UNION ALL
    SELECT if(IsMonotonic, 'counter', 'sum'), MetricName, ServiceName, MetricUnit, DataSet
    FROM otel_metrics_sum
    UNION ALL
    SELECT 'histogram', MetricName, ServiceName, MetricUnit, DataSet FROM otel_metrics_histogram
    UNION ALL
    SELECT 'exponential_histogram', MetricName, ServiceName, MetricUnit, DataSet
    FROM otel_metrics_exponential_histogram
    UNION ALL
    SELECT 'summary', MetricName, ServiceName, MetricUnit, DataSet FROM otel_metrics_summary
)
WHERE DataSet = {data_set:String}
GROUP BY kind, name, service
ORDER BY name, service, kind
LIMIT {limit:UInt64}
