-- What is stored, by data set and table; '' is live telemetry.
SELECT *
FROM
(
    SELECT DataSet AS data_set, 'traces' AS signal, count() AS records,
        toUnixTimestamp64Nano(min(Timestamp)) AS first_unix_ns,
        toUnixTimestamp64Nano(max(Timestamp)) AS last_unix_ns
    FROM @spans GROUP BY data_set
    UNION ALL
    SELECT DataSet AS data_set, 'logs' AS signal, count() AS records,
        toUnixTimestamp64Nano(min(Timestamp)) AS first_unix_ns,
        toUnixTimestamp64Nano(max(Timestamp)) AS last_unix_ns
    FROM @logs GROUP BY data_set
    UNION ALL
    SELECT DataSet AS data_set, 'metrics' AS signal, count() AS records,
        toUnixTimestamp64Nano(min(TimeUnix)) AS first_unix_ns,
        toUnixTimestamp64Nano(max(TimeUnix)) AS last_unix_ns
    FROM
    (
        SELECT DataSet, TimeUnix FROM @gauges
        UNION ALL
        SELECT DataSet, TimeUnix FROM @sums
        UNION ALL
        SELECT DataSet, TimeUnix FROM @histograms
        UNION ALL
        SELECT DataSet, TimeUnix FROM @exponential_histograms
        UNION ALL
        SELECT DataSet, TimeUnix FROM @summaries
    )
    GROUP BY data_set
)
ORDER BY data_set, signal
