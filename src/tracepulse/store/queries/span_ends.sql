-- What of spans is needed to find calls; see store/edges/calls.py. Those of [start, end) whole, and
-- of their neighbours what makes them parents or answers.
SELECT
    cityHash64(TraceId, SpanId) AS key,
    if(ParentSpanId = '', 0, cityHash64(TraceId, ParentSpanId)) AS parent,
    toUnixTimestamp64Nano(Timestamp) AS at_unix_ns,
    ServiceName AS service,
    @kind_code AS kind,
    toUInt8(1) AS inside,
    @failed AS failed,
    @connection_code AS connection,
    if(SpanKind IN ('Client', 'Producer', 'Consumer'), @peer, '') AS peer,
    Duration AS duration_ns
FROM @spans
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
    AND DataSet = {data_set:String}
UNION ALL
SELECT
    cityHash64(TraceId, SpanId) AS key,
    if(ParentSpanId = '', 0, cityHash64(TraceId, ParentSpanId)) AS parent,
    toUnixTimestamp64Nano(Timestamp) AS at_unix_ns,
    ServiceName AS service,
    @kind_code AS kind,
    toUInt8(0) AS inside,
    toUInt8(0) AS failed,
    toUInt8(0) AS connection,
    '' AS peer,
    toUInt64(0) AS duration_ns
FROM @spans
WHERE (
        (
            Timestamp >= fromUnixTimestamp64Nano({before:Int64})
            AND Timestamp < fromUnixTimestamp64Nano({start:Int64})
        )
        OR (
            Timestamp >= fromUnixTimestamp64Nano({end:Int64})
            AND Timestamp < fromUnixTimestamp64Nano({after:Int64})
        )
    )
    AND DataSet = {data_set:String}
