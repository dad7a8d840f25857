-- Requests that arrived on behalf of somebody who sent no span: their parent is not there, and they
-- began while a call of the same trace was under way that nobody answered. The innermost such call counts.
WITH near AS
(
    SELECT
        TraceId, SpanId, ParentSpanId,
        ServiceName AS service,
        @kind_code AS kind,
        @connection_code AS connection,
        @said_address AS said,
        @peer_address AS peer_address,
        @failed AS failed,
        toUnixTimestamp64Nano(Timestamp) AS at_unix_ns,
        toInt64(least(Duration, 3600000000000)) AS length_ns
    FROM @spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64} - 60000000000)
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64} + 60000000000)
        AND DataSet = {data_set:String}
)
SELECT
    said, came_from, callee,
    count() AS calls,
    sum(failed) AS errors,
    sumMap([toUInt16(floor(log2(toFloat64(length_ns) + 1) * 16))], [toUInt64(1)]) AS lengths,
    min(at_unix_ns) AS first_unix_ns,
    max(at_unix_ns) AS last_unix_ns
FROM
(
    SELECT
        served.TraceId AS trace, served.SpanId AS span,
        any(served.service) AS callee,
        any(served.peer_address) AS came_from,
        any(served.failed) AS failed,
        any(served.at_unix_ns) AS at_unix_ns,
        any(served.length_ns) AS length_ns,
        argMax(asking.said, (asking.at_unix_ns, asking.SpanId)) AS said
    FROM
    (
        SELECT near.*
        FROM near
        LEFT ANTI JOIN (SELECT TraceId, SpanId FROM near) AS parents
        ON near.TraceId = parents.TraceId AND near.ParentSpanId = parents.SpanId
        WHERE kind = 1 AND ParentSpanId != '' AND connection != 3
            AND at_unix_ns >= {start:Int64} AND at_unix_ns < {end:Int64}
    ) AS served
    INNER JOIN
    (
        SELECT near.*
        FROM near
        LEFT ANTI JOIN (SELECT TraceId, ParentSpanId FROM near) AS children
        ON near.TraceId = children.TraceId AND near.SpanId = children.ParentSpanId
        WHERE kind = 2 AND said != '' AND connection IN (0, 1)
    ) AS asking
    ON served.TraceId = asking.TraceId
    WHERE asking.at_unix_ns <= served.at_unix_ns
        AND served.at_unix_ns < asking.at_unix_ns + asking.length_ns
        AND served.service != asking.service
    GROUP BY trace, span
)
WHERE callee != ''
GROUP BY said, came_from, callee
ORDER BY calls DESC, said, came_from, callee
LIMIT {limit:UInt64}
