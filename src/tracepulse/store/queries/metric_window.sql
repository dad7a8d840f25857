-- When a metric was first and last sent.
SELECT
    count() AS points,
    toUnixTimestamp64Nano(min(TimeUnix)) AS first_unix_ns,
    toUnixTimestamp64Nano(max(TimeUnix)) AS last_unix_ns
FROM
(
    SELECT MetricName, DataSet, TimeUnix FROM otel_metrics_gauge
    UNION ALL
    SELECT MetricName, DataSet, TimeUnix FROM otel_metrics_sum
    UNION ALL
    SELECT MetricName, DataSet, TimeUnix FROM otel_metrics_histogram
    UNION ALL
    SELECT MetricName, DataSet, TimeUnix FROM otel_metrics_exponential_histogram
    UNION ALL
    SELECT MetricName, DataSet, TimeUnix FROM otel_metrics_summary
)
WHERE MetricName = {name:String} AND DataSet = {data_set:String}
