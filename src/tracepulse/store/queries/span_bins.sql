-- Calls by 5-second bin: what detection reads.
SELECT
    toInt64(toUnixTimestamp(Bin)) * 1000000000 AS bin_start_unix_ns,
    ServiceName AS service,
    SpanName AS operation,
    SpanKind AS kind,
    IsRoot AS entry,
    sum(Calls) AS calls,
    sum(Errors) AS errors,
    sum(Refused) AS refused,
    toUnixTimestamp64Nano(minIf(FirstError, Errors > 0)) AS first_error_unix_ns,
    toUnixTimestamp64Nano(minIf(FirstRefused, Refused > 0)) AS first_refused_unix_ns
FROM @span_bins
WHERE DataSet = {data_set:String}
    AND Bin >= toDateTime(intDiv({start:Int64}, 1000000000))
    AND Bin < toDateTime(intDiv({end:Int64}, 1000000000))
GROUP BY bin_start_unix_ns, service, operation, kind, entry
ORDER BY bin_start_unix_ns, service, operation, kind, entry
