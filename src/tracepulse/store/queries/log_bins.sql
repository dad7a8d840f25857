-- Lines by 5-second bin; from WARN on by shape.
SELECT
    toInt64(toUnixTimestamp(Bin)) * 1000000000 AS bin_start_unix_ns,
    ServiceName AS service,
    SeverityNumber AS severity_number,
    lower(hex(sipHash64(Shape))) AS template_id,
    Shape AS template,
    sum(Lines) AS lines,
    toUnixTimestamp64Nano(min(FirstLine)) AS first_unix_ns,
    min(Trust) AS trust
FROM @log_bins
WHERE DataSet = {data_set:String}
    AND Bin >= toDateTime(intDiv({start:Int64}, 1000000000))
    AND Bin < toDateTime(intDiv({end:Int64}, 1000000000))
GROUP BY bin_start_unix_ns, service, severity_number, template_id, template
ORDER BY bin_start_unix_ns, service, severity_number, template
