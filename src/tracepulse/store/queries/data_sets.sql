-- What is stored, by data set and table; '' is live telemetry.
SELECT DataSet AS data_set, 'traces' AS signal, count() AS records,
    toUnixTimestamp64Nano(min(Timestamp)) AS first_unix_ns,
    toUnixTimestamp64Nano(max(Timestamp)) AS last_unix_ns
FROM otel_traces GROUP BY data_set
UNION ALL
SELECT DataSet, 'logs', count(),
    toUnixTimestamp64Nano(min(Timestamp)), toUnixTimestamp64Nano(max(Timestamp))
FROM otel_logs GROUP BY DataSet
ORDER BY data_set, signal
