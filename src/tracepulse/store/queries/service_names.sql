-- Services that sent spans or log records.
SELECT DISTINCT service
FROM
(
    SELECT ServiceName AS service
    FROM @span_minutes
    WHERE DataSet = {data_set:String}
        AND Minute >= toStartOfMinute(toDateTime(intDiv({start:Int64}, 1000000000)))
        AND Minute <= toDateTime(least(intDiv({end:Int64}, 1000000000), 4294967295))
    UNION ALL
    SELECT ServiceName AS service
    FROM @log_bins
    WHERE DataSet = {data_set:String}
        AND Bin >= toDateTime(intDiv({start:Int64}, 1000000000))
        AND Bin <= toDateTime(least(intDiv({end:Int64}, 1000000000), 4294967295))
)
WHERE service != ''
ORDER BY service
