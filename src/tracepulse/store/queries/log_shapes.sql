-- Log shapes of a window before and after an onset, with examples from after it. What is just
-- before the onset, between `calm` and it, counts as neither: an onset is known to some seconds.
SELECT
    ServiceName AS service,
    lower(hex(sipHash64(template))) AS template_id,
    @shape_of_any_severity AS template,
    max(SeverityNumber) AS severity_number,
    countIf(at < {calm:Int64}) AS count_before,
    countIf(at >= {onset:Int64}) AS count_after,
    min(at) AS first_seen_unix_ns,
    minIf(at, at >= {onset:Int64} - 60000000000) AS first_after_unix_ns,
    arraySlice(
        arrayMap(
            pair -> pair.2,
            arraySort(groupArraySortedIf(50)((at, substringUTF8(Body, 1, 500)), at >= {onset:Int64}))
        ),
        1, 50
    ) AS examples,
    min(Trust) AS trust
FROM
(
    SELECT
        ServiceName, SeverityNumber, Body, Trust, toUnixTimestamp64Nano(Timestamp) AS at
    FROM @logs
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
)
GROUP BY service, template
HAVING count_after > 0
    AND (
        severity_number >= 13
        OR count_before = 0
        OR count_after / ({end:Int64} - {onset:Int64})
            >= 3 * count_before / greatest({calm:Int64} - {start:Int64}, 1)
    )
ORDER BY severity_number >= 13 DESC, count_after DESC, service, template
LIMIT {limit:UInt64}
