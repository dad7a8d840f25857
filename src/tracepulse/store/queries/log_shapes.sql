-- Log shapes of a window before and after an onset. What is just before the onset, between `calm`
-- and it, counts as neither: an onset is known to some seconds.
SELECT
    ServiceName AS service,
    lower(hex(ShapeId)) AS shape_id,
    max(SeverityNumber) AS severity_number,
    countIf(at < {calm:Int64}) AS count_before,
    countIf(at >= {onset:Int64}) AS count_after,
    min(at) AS first_seen_unix_ns,
    minIf(at, at >= {onset:Int64} - 60000000000) AS first_after_unix_ns,
    min(Trust) AS trust
FROM
(
    SELECT
        ServiceName, ShapeId, SeverityNumber, Trust, toUnixTimestamp64Nano(Timestamp) AS at
    FROM @logs
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
)
GROUP BY service, shape_id
ORDER BY count_before + count_after DESC, service, shape_id
LIMIT {limit:UInt64}
