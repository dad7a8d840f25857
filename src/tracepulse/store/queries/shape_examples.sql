-- The first bodies of some shapes from an onset on.
SELECT
    ServiceName AS service,
    lower(hex(ShapeId)) AS shape_id,
    arrayMap(
        pair -> pair.1,
        groupArraySorted(50)((toUnixTimestamp64Nano(Timestamp), substringUTF8(Body, 1, 500)))
    ) AS instants,
    arrayMap(
        pair -> pair.2,
        groupArraySorted(50)((toUnixTimestamp64Nano(Timestamp), substringUTF8(Body, 1, 500)))
    ) AS bodies
FROM @logs
WHERE Timestamp >= fromUnixTimestamp64Nano({onset:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND DataSet = {data_set:String}
    AND has({shapes:Array(String)}, lower(hex(ShapeId)))
GROUP BY service, shape_id
ORDER BY service, shape_id
