-- Log lines by the logger that wrote them.
SELECT
    ServiceName AS service,
    if(ScopeName != '', ScopeName, LogAttributes['log.logger']) AS logger,
    count() AS lines,
    countIf(SeverityNumber >= 17) AS errors
FROM @logs
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND TimestampTime >= toDateTime(intDiv({start:Int64}, 1000000000))
    AND TimestampTime <= toDateTime(intDiv({end:Int64}, 1000000000))
    AND DataSet = {data_set:String}
    AND ({service:String} = '' OR ServiceName = {service:String})
GROUP BY service, logger
HAVING logger != '' AND service != ''
ORDER BY lines DESC, service, logger
LIMIT {limit:UInt64}
