-- Which metrics there are.
SELECT kind, name, service, any(unit) AS unit, count() AS points
FROM
(
    SELECT 'gauge' AS kind, MetricName AS name, ServiceName AS service, MetricUnit AS unit, DataSet
    FROM @gauges
    UNION ALL
    SELECT if(IsMonotonic, 'counter', 'sum'), MetricName, ServiceName, MetricUnit, DataSet
    FROM @sums
    UNION ALL
    SELECT 'histogram', MetricName, ServiceName, MetricUnit, DataSet FROM @histograms
    UNION ALL
    SELECT 'exponential_histogram', MetricName, ServiceName, MetricUnit, DataSet
    FROM @exponential_histograms
    UNION ALL
    SELECT 'summary', MetricName, ServiceName, MetricUnit, DataSet FROM @summaries
)
WHERE DataSet = {data_set:String}
GROUP BY kind, name, service
ORDER BY name, service, kind
LIMIT {limit:UInt64}
