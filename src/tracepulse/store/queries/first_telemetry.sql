-- When live telemetry began, as far as the roll-ups reach back; 0 when there is none.
SELECT min(first) AS first_unix_ns
FROM
(
    SELECT toInt64(toUnixTimestamp(min(Bin))) * 1000000000 AS first FROM @span_bins WHERE DataSet = ''
    HAVING count() > 0
    UNION ALL
    SELECT toInt64(toUnixTimestamp(min(Bin))) * 1000000000 AS first FROM @log_bins WHERE DataSet = ''
    HAVING count() > 0
)
