-- Spans by data set and minute, and, where the edges of a minute are kept, the spans that they were
-- worked out of: those of the minute before, of it, and of the one after.
SELECT
    data_set,
    minute_unix_s,
    sum(spans) AS spans,
    max(covered) AS covered
FROM
(
    SELECT
        DataSet AS data_set,
        toInt64(toUnixTimestamp(Minute)) AS minute_unix_s,
        sum(Calls) AS spans,
        CAST([], 'Array(UInt64)') AS covered
    FROM @span_minutes
    WHERE ({any_data_set:UInt8} OR DataSet = {data_set:String})
        AND Minute >= toDateTime(intDiv({start:Int64}, 1000000000))
        AND Minute < toDateTime(intDiv({end:Int64}, 1000000000))
    GROUP BY data_set, minute_unix_s
    UNION ALL
    SELECT
        DataSet AS data_set,
        toInt64(toUnixTimestamp(Minute)) AS minute_unix_s,
        toUInt64(0) AS spans,
        Covered AS covered
    FROM @edge_minutes
    WHERE ({any_data_set:UInt8} OR DataSet = {data_set:String})
        AND Minute >= toDateTime(intDiv({start:Int64}, 1000000000))
        AND Minute < toDateTime(intDiv({end:Int64}, 1000000000))
)
GROUP BY data_set, minute_unix_s
ORDER BY data_set, minute_unix_s
