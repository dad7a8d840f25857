-- Server calls from an onset on, by the version that answered. By resource first: there are few.
SELECT service, @version_of_resource AS version, sum(calls) AS calls, sum(errors) AS errors
FROM
(
    SELECT
        ServiceName AS service,
        @resource AS resource,
        count() AS calls,
        countIf(
            StatusCode = 'Error'
            OR toUInt16OrZero(SpanAttributes['http.response.status_code']) >= 400
            OR toUInt16OrZero(SpanAttributes['http.status_code']) >= 400
        ) AS errors
    FROM @spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
        AND has({services:Array(String)}, ServiceName)
        AND SpanKind IN ('Server', 'Consumer')
    GROUP BY service, resource
)
GROUP BY service, version
ORDER BY service, version
