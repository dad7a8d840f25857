-- Log records of some shapes of a service, by minute.
SELECT
    intDiv(toUnixTimestamp64Nano(Timestamp), 60000000000) * 60000000000 AS start_unix_ns,
    count() AS lines
FROM @logs
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND DataSet = {data_set:String}
    AND ServiceName = {service:String}
    AND has({shapes:Array(String)}, lower(hex(ShapeId)))
GROUP BY start_unix_ns
ORDER BY start_unix_ns
