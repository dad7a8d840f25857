-- Traces with a matching span, newest first: which ones, then what each looks like as a whole.
WITH matching AS
(
    SELECT
        TraceId,
        max(Timestamp) AS newest,
        count() AS matches
    FROM @spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
        @filters
    GROUP BY TraceId
    ORDER BY newest DESC, TraceId
    LIMIT {limit:UInt64}
)
SELECT
    TraceId AS trace_id,
    any(m.matches) AS matching_spans,
    uniqExact(SpanId) AS spans,
    uniqExactIf(SpanId, StatusCode = 'Error') AS error_spans,
    arraySort(groupUniqArray(64)(ServiceName)) AS services,
    toUnixTimestamp64Nano(min(Timestamp)) AS start_unix_ns,
    max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) - start_unix_ns AS duration_ns,
    -- The root; without one, the earliest span.
    argMin(ServiceName, (ParentSpanId != '', Timestamp, SpanId)) AS root_service,
    argMin(SpanName, (ParentSpanId != '', Timestamp, SpanId)) AS root_operation,
    countIf(ParentSpanId = '') AS roots
FROM @spans AS t
INNER JOIN matching AS m ON m.TraceId = t.TraceId
WHERE TraceId IN (SELECT TraceId FROM matching)
    -- The same trace may have been imported into another data set too.
    AND DataSet = {data_set:String}
GROUP BY TraceId
ORDER BY any(m.newest) DESC, trace_id
