-- What counters grew by in a window, by labels. A series is one of one sender. Running totals grow by
-- what each point has more than the one before it, which may lie before the window, and begin anew
-- where they fall. A series that began within the window, or of which there is but one point, grew by
-- all it has.
SELECT
    metric,
    labels,
    toInt64(round(sum(grew))) AS grew_by,
    min(first_at) AS first_unix_ns,
    max(last_at) AS last_unix_ns
FROM
(
    SELECT
        MetricName AS metric,
        mapFilter(
            (k, v) -> k IN (
                'reporter', 'source_workload', 'source_canonical_service', 'source_app', 'destination_app', 'source_workload_namespace',
                'destination_workload', 'destination_canonical_service', 'destination_service',
                'destination_service_name', 'destination_workload_namespace', 'request_protocol',
                'response_code', 'grpc_response_status', 'response_flags', 'le'
            ),
            Attributes
        ) AS labels,
        toString(Attributes) AS series,
        toString(ResourceAttributes) AS sender,
        arraySort(groupUniqArray((toUnixTimestamp64Nano(TimeUnix), Value))) AS points,
        min(toUnixTimestamp64Nano(StartTimeUnix)) AS began,
        any(AggregationTemporality) = 1 AS delta,
        arrayFirstIndex(p -> p.1 >= {start:Int64}, points) AS inside,
        multiIf(
            inside = 0, 0,
            delta, arraySum(p -> if(p.1 >= {start:Int64}, p.2, 0), points),
            length(points) = 1, points[1].2,
            arraySum(
                i -> if(
                    points[i].2 >= points[i - 1].2, points[i].2 - points[i - 1].2, points[i].2
                ),
                range(greatest(inside, 2), toUInt32(length(points) + 1))
            ) + if(inside = 1 AND began > 0 AND began >= {start:Int64}, points[1].2, 0)
        ) AS grew,
        points[inside].1 AS first_at,
        points[-1].1 AS last_at
    FROM @sums
    WHERE MetricName IN {names:Array(String)}
        AND DataSet = {data_set:String}
        AND TimeUnix >= fromUnixTimestamp64Nano({before:Int64})
        AND TimeUnix < fromUnixTimestamp64Nano({end:Int64})
        AND bitAnd(Flags, 1) = 0
    GROUP BY metric, labels, series, sender
    HAVING inside > 0
)
GROUP BY metric, labels
HAVING grew_by > 0
ORDER BY metric, toString(labels)
LIMIT {limit:UInt64}
