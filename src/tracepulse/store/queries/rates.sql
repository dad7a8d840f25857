-- Per service, in 5-second bins: what came in lately.
SELECT
    service,
    bin_unix_ns,
    sum(calls) AS calls,
    sum(errors) AS errors,
    sum(lines) AS lines
FROM
(
    SELECT
        ServiceName AS service, toInt64(toUnixTimestamp(Bin)) * 1000000000 AS bin_unix_ns,
        sumIf(Calls, SpanKind IN ('Server', 'Consumer') OR IsRoot) AS calls,
        sumIf(Errors, SpanKind IN ('Server', 'Consumer') OR IsRoot) AS errors,
        toUInt64(0) AS lines
    FROM @span_bins
    WHERE DataSet = '' AND Bin >= toDateTime(intDiv({start:Int64}, 1000000000))
        AND Bin < toDateTime(intDiv({end:Int64}, 1000000000))
    GROUP BY service, bin_unix_ns
    UNION ALL
    SELECT
        ServiceName AS service, toInt64(toUnixTimestamp(Bin)) * 1000000000 AS bin_unix_ns,
        toUInt64(0) AS calls, toUInt64(0) AS errors, sum(Lines) AS lines
    FROM @log_bins
    WHERE DataSet = '' AND Bin >= toDateTime(intDiv({start:Int64}, 1000000000))
        AND Bin < toDateTime(intDiv({end:Int64}, 1000000000))
    GROUP BY service, bin_unix_ns
)
GROUP BY service, bin_unix_ns
ORDER BY service, bin_unix_ns
