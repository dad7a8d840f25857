-- Log records of a window by service and shape.
SELECT
    ServiceName AS service,
    lower(hex(ShapeId)) AS shape_id,
    count() AS lines,
    max(SeverityNumber) AS severity_number,
    toUnixTimestamp64Nano(min(Timestamp)) AS first_unix_ns,
    toUnixTimestamp64Nano(max(Timestamp)) AS last_unix_ns
FROM @logs
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND DataSet = {data_set:String}
    AND ({service:String} = '' OR ServiceName = {service:String})
GROUP BY service, shape_id
ORDER BY service, shape_id
