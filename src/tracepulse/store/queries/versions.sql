-- Server calls from an onset on, by the version that answered.
SELECT
    ServiceName AS service,
    ResourceAttributes['service.version'] AS version,
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
GROUP BY service, version
ORDER BY service, version
