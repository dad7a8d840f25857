-- Requests that services answered, by route, five minutes and eighth of a doubling of their length.
SELECT
    service,
    route,
    groupArray(minute) AS minutes,
    groupArray(bucket) AS buckets,
    groupArray(held) AS counts
FROM
(
    SELECT service, route, minute, bucket, held
    FROM
    (
        SELECT
            ServiceName AS service,
            SpanName AS route,
            toInt64(intDiv(toUnixTimestamp(Minute), 300) * 5) AS minute,
            sumMap(DurationBuckets) AS lengths
        FROM @span_minutes
        WHERE DataSet = {data_set:String}
            AND Minute >= toDateTime(intDiv({start:Int64}, 1000000000))
            AND Minute < toDateTime(intDiv({end:Int64}, 1000000000))
            AND SpanKind IN ('Server', 'Consumer')
            AND SpanName != '__other__'
            @filters
        GROUP BY service, route, minute
    )
    ARRAY JOIN
        arrayMap(b -> toInt64(b), mapKeys(lengths)) AS bucket,
        arrayMap(c -> toInt64(c), mapValues(lengths)) AS held
    ORDER BY service, route, minute, bucket
)
GROUP BY service, route
ORDER BY sum(held) DESC, service, route
LIMIT {limit:UInt64}
