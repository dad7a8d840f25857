-- How much a window holds.
SELECT *
FROM
(
    SELECT 'traces' AS signal, ServiceName AS service, count() AS records
    FROM @spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
    GROUP BY service
    UNION ALL
    SELECT 'logs' AS signal, ServiceName AS service, count() AS records
    FROM @logs
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
    GROUP BY service
)
ORDER BY signal, service
