-- Web vitals of pages by service, name, five minutes and eighth of a doubling of their value times a
-- million (ms become ns). A page tells a vital again when it has grown: the last word counts.
SELECT
    service,
    name,
    groupArray(minute) AS minutes,
    groupArray(bucket) AS buckets,
    groupArray(held) AS counts
FROM
(
    SELECT
        service,
        name,
        toInt64(intDiv(at, 300000000000) * 5) AS minute,
        toInt64(floor(log2(greatest(value, 0) * 1000000 + 1) * 8)) AS bucket,
        toInt64(count()) AS held
    FROM
    (
        SELECT
            ServiceName AS service,
            LogAttributes['browser.web_vital.name'] AS name,
            if(
                LogAttributes['browser.web_vital.id'] != '',
                LogAttributes['browser.web_vital.id'],
                toString(toUnixTimestamp64Nano(Timestamp))
            ) AS id,
            toUnixTimestamp64Nano(max(Timestamp)) AS at,
            argMax(toFloat64OrZero(LogAttributes['browser.web_vital.value']), Timestamp) AS value
        FROM @logs
        WHERE EventName = 'browser.web_vital'
            AND DataSet = {data_set:String}
            AND Timestamp >= fromUnixTimestamp64Nano({start:Int64})
            AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
            AND has(['lcp', 'inp', 'cls', 'ttfb'], LogAttributes['browser.web_vital.name'])
            @filters
        GROUP BY service, name, id
    )
    GROUP BY service, name, minute, bucket
    ORDER BY service, name, minute, bucket
)
GROUP BY service, name
ORDER BY service, name
