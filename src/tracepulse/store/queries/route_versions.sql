-- Versions that answered requests of a route: how many, and from when to when.
SELECT
    @version_of_resource AS version,
    toInt64(sum(held)) AS requests,
    min(first) AS first_unix_ns,
    max(last) AS last_unix_ns
FROM
(
    SELECT
        @resource AS resource,
        count() AS held,
        toUnixTimestamp64Nano(min(Timestamp)) AS first,
        toUnixTimestamp64Nano(max(Timestamp)) AS last
    FROM @spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
        AND ServiceName = {service:String}
        AND SpanName = {route:String}
        AND SpanKind IN ('Server', 'Consumer')
    GROUP BY resource
)
GROUP BY version
ORDER BY first_unix_ns, version
