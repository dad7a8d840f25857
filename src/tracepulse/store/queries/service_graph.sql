-- Who calls whom: spans whose parent is in another service, and calls to what sends no spans.
WITH
    spans AS
    (
        SELECT
            TraceId, SpanId, ParentSpanId, ServiceName, SpanKind, StatusCode, Duration,
            multiIf(
                SpanKind != 'Client' AND SpanKind != 'Producer', '',
                SpanAttributes['db.namespace'] != '', SpanAttributes['db.namespace'],
                SpanAttributes['db.name'] != '', SpanAttributes['db.name'],
                SpanAttributes['db.system.name'] != '', SpanAttributes['db.system.name'],
                SpanAttributes['db.system'] != '', SpanAttributes['db.system'],
                SpanAttributes['messaging.destination.name'] != '',
                SpanAttributes['messaging.destination.name'],
                SpanAttributes['peer.service'] != '', SpanAttributes['peer.service'],
                SpanAttributes['server.address']
            ) AS peer,
            multiIf(
                SpanAttributes['db.system.name'] != '' OR SpanAttributes['db.system'] != '',
                'database',
                SpanAttributes['messaging.system'] != '', 'messaging',
                SpanAttributes['rpc.system'] != '', 'rpc',
                'http'
            ) AS connection,
            -- 1 when the call failed in the eyes of the one who served it.
            toUInt8(
                StatusCode = 'Error'
                OR toUInt16OrZero(SpanAttributes['http.response.status_code']) >= 400
                OR toUInt16OrZero(SpanAttributes['http.status_code']) >= 400
            ) AS failed
        FROM otel_traces
        WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
            AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
            AND DataSet = {data_set:String}
    )
SELECT
    caller, callee, connection, inferred_from,
    count() AS calls,
    sum(failed) AS errors,
    toInt64(quantileExact(0.5)(Duration)) AS p50_ns,
    toInt64(quantileExact(0.95)(Duration)) AS p95_ns
FROM
(
    SELECT
        parent.ServiceName AS caller, child.ServiceName AS callee, child.connection AS connection,
        'spans' AS inferred_from, child.failed AS failed, child.Duration AS Duration
    FROM spans AS child
    INNER JOIN spans AS parent
        ON child.TraceId = parent.TraceId AND child.ParentSpanId = parent.SpanId
    WHERE parent.ServiceName != child.ServiceName
    UNION ALL
    SELECT
        '' AS caller, ServiceName AS callee, connection, 'spans' AS inferred_from, failed, Duration
    FROM spans
    WHERE ParentSpanId = '' AND (SpanKind = 'Server' OR SpanKind = 'Consumer')
    UNION ALL
    SELECT
        ServiceName AS caller, peer AS callee, connection, 'peer' AS inferred_from, failed, Duration
    FROM spans
    WHERE peer != ''
        AND (TraceId, SpanId) NOT IN (SELECT TraceId, ParentSpanId FROM spans)
)
GROUP BY caller, callee, connection, inferred_from
ORDER BY calls DESC, caller, callee, connection, inferred_from
LIMIT {limit:UInt64}
