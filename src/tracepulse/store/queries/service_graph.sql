-- Who calls whom: spans whose parent is in another service, requests from outside, and calls to
-- what sends no spans of its own.
SELECT
    caller, callee, connection, inferred_from,
    count() AS calls,
    sum(failed) AS errors,
    toInt64(quantileExact(0.5)(Duration)) AS p50_ns,
    toInt64(quantileExact(0.95)(Duration)) AS p95_ns
FROM
(
    SELECT
        parent.ServiceName AS caller, child.ServiceName AS callee, @connection AS connection,
        'spans' AS inferred_from, @failed AS failed, child.Duration AS Duration
    FROM @spans AS child
    LEFT ANY JOIN
    (
        SELECT TraceId, SpanId, ServiceName
        FROM @spans
        WHERE @in_window
    ) AS parent
    ON child.TraceId = parent.TraceId AND child.ParentSpanId = parent.SpanId
    WHERE @in_window
        AND (parent.ServiceName != '' OR child.ParentSpanId = '')
        AND parent.ServiceName != child.ServiceName
        AND (child.ParentSpanId != '' OR child.SpanKind IN ('Server', 'Consumer'))
    UNION ALL
    SELECT
        child.ServiceName AS caller,
        multiIf(
            child.SpanAttributes['db.namespace'] != '', child.SpanAttributes['db.namespace'],
            child.SpanAttributes['db.name'] != '', child.SpanAttributes['db.name'],
            child.SpanAttributes['db.system.name'] != '', child.SpanAttributes['db.system.name'],
            child.SpanAttributes['db.system'] != '', child.SpanAttributes['db.system'],
            child.SpanAttributes['messaging.destination.name'] != '',
            child.SpanAttributes['messaging.destination.name'],
            child.SpanAttributes['peer.service'] != '', child.SpanAttributes['peer.service'],
            child.SpanAttributes['server.address']
        ) AS callee,
        @connection AS connection, 'peer' AS inferred_from, @failed AS failed, child.Duration
    FROM @spans AS child
    LEFT ANTI JOIN
    (
        SELECT TraceId, ParentSpanId
        FROM @spans
        WHERE @in_window AND ParentSpanId != ''
    ) AS answer
    ON child.TraceId = answer.TraceId AND child.SpanId = answer.ParentSpanId
    WHERE @in_window
        AND child.SpanKind IN ('Client', 'Producer')
        AND callee != ''
)
GROUP BY caller, callee, connection, inferred_from
ORDER BY calls DESC, caller, callee, connection, inferred_from
LIMIT {limit:UInt64}
