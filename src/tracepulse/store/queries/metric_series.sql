-- One metric by service, attributes and step. The last value of a step for gauges and running
-- totals; sums of what each step added for deltas. Points that say that there is no value from
-- then on (flag 1 of OTLP) are none.
SELECT
    kind, service, unit, attributes,
    toInt64(intDiv(at_unix_ns, {step_ns:Int64}) * {step_ns:Int64}) AS step_unix_ns,
    if(any(delta), sum(value), argMax(value, (at_unix_ns, value))) AS value,
    if(any(delta), sum(count), argMax(count, (at_unix_ns, count))) AS count,
    count() AS points
FROM
(
    SELECT
        'gauge' AS kind, ServiceName AS service, MetricUnit AS unit, Attributes AS attributes,
        toUnixTimestamp64Nano(TimeUnix) AS at_unix_ns, Value AS value, toUInt64(0) AS count,
        0 AS delta, MetricName, DataSet, ResourceAttributes, Flags
    FROM @gauges
    UNION ALL
    SELECT
        if(IsMonotonic, 'counter', 'sum'), ServiceName, MetricUnit, Attributes,
        toUnixTimestamp64Nano(TimeUnix), Value, toUInt64(0),
        AggregationTemporality = 1, MetricName, DataSet, ResourceAttributes, Flags
    FROM @sums
    UNION ALL
    SELECT
        'histogram', ServiceName, MetricUnit, Attributes, toUnixTimestamp64Nano(TimeUnix), Sum, Count,
        AggregationTemporality = 1, MetricName, DataSet, ResourceAttributes, Flags
    FROM @histograms
    UNION ALL
    SELECT
        'exponential_histogram', ServiceName, MetricUnit, Attributes,
        toUnixTimestamp64Nano(TimeUnix), Sum, Count,
        AggregationTemporality = 1, MetricName, DataSet, ResourceAttributes, Flags
    FROM @exponential_histograms
    UNION ALL
    SELECT
        'summary', ServiceName, MetricUnit, Attributes, toUnixTimestamp64Nano(TimeUnix), Sum, Count,
        0, MetricName, DataSet, ResourceAttributes, Flags
    FROM @summaries
)
WHERE MetricName = {name:String}
    AND DataSet = {data_set:String}
    AND bitAnd(Flags, 1) = 0
    AND at_unix_ns >= {start:Int64} AND at_unix_ns < {end:Int64}
    @filters
GROUP BY kind, service, unit, attributes, step_unix_ns
ORDER BY kind, service, toString(attributes), step_unix_ns
LIMIT {limit:UInt64}
