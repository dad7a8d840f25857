-- When a metric was first and last sent.
SELECT
    count() AS points,
    toUnixTimestamp64Nano(min(TimeUnix)) AS first_unix_ns,
    toUnixTimestamp64Nano(max(TimeUnix)) AS last_unix_ns
FROM
(
    SELECT MetricName, DataSet, TimeUnix FROM @gauges
    UNION ALL
    SELECT MetricName, DataSet, TimeUnix FROM @sums
    UNION ALL
    SELECT MetricName, DataSet, TimeUnix FROM @histograms
    UNION ALL
    SELECT MetricName, DataSet, TimeUnix FROM @exponential_histograms
    UNION ALL
    SELECT MetricName, DataSet, TimeUnix FROM @summaries
)
WHERE MetricName = {name:String} AND DataSet = {data_set:String}
