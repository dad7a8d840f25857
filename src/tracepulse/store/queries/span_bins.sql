-- Calls by 5-second bin: what detection reads.
SELECT
    toInt64(toUnixTimestamp(Bin)) * 1000000000 AS bin_unix_ns,
    ServiceName AS service,
    SpanName AS operation,
    SpanKind AS kind,
    IsRoot AS is_root,
    sum(Calls) AS calls,
    sum(Errors) AS errors,
    sum(Refused) AS refused
FROM span_bins
WHERE DataSet = ''
    AND Bin >= toDateTime(intDiv({start:Int64}, 1000000000))
    AND Bin < toDateTime(intDiv({end:Int64}, 1000000000))
    AND (SpanKind IN ('Server', 'Consumer') OR IsRoot)
GROUP BY bin_unix_ns, service, operation, kind, is_root
ORDER BY bin_unix_ns, service, operation, kind, is_root
