-- Shapes of log records with the examples that are kept of them, of all days.
SELECT
    ServiceName AS service,
    lower(hex(ShapeId)) AS shape_id,
    toUnixTimestamp64Nano(min(FirstSeen)) AS first_seen_unix_ns,
    arrayMap(
        pair -> pair.2,
        arraySlice(arraySort(groupUniqArrayIf((Hash, Example), Hash != 18446744073709551615)), 1, 8)
    ) AS examples
FROM @kept_shapes
WHERE DataSet = {data_set:String}
    AND ({service:String} = '' OR ServiceName = {service:String})
GROUP BY service, shape_id
HAVING notEmpty(examples)
ORDER BY service, shape_id
