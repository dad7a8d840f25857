-- Lines by 5-second bin; from WARN on by shape.
SELECT
    toInt64(toUnixTimestamp(Bin)) * 1000000000 AS bin_unix_ns,
    ServiceName AS service,
    SeverityNumber AS severity_number,
    Shape AS shape,
    sum(Lines) AS lines
FROM log_bins
WHERE DataSet = ''
    AND Bin >= toDateTime(intDiv({start:Int64}, 1000000000))
    AND Bin < toDateTime(intDiv({end:Int64}, 1000000000))
GROUP BY bin_unix_ns, service, severity_number, shape
ORDER BY bin_unix_ns, service, severity_number, shape
