-- Lines of access logs, counted by who wrote them and which way they tell of. A line is told by the
-- words that its cluster is made of, and read in Istio's default layout (with its time or without,
-- as text or as JSON); see receive/access_lines.py for the layouts there were. What would only tell
-- calls of the same way apart (ports of clients, addresses that say nothing new) is left out.
SELECT
    service, pod, cluster, authority, upstream_host, upstream_local, downstream_local,
    downstream_remote, server_name, connection,
    count() AS calls,
    countIf(code >= 500 OR code = 0 AND flags NOT IN ('-', '', 'DC')) AS errors,
    sumMap([bucket], [toUInt64(1)]) AS lengths,
    min(at_unix_ns) AS first_unix_ns,
    max(at_unix_ns) AS last_unix_ns
FROM
(
    SELECT
        ServiceName AS service,
        @resource AS resource,
        @pod_of_resource AS pod,
        startsWith(Body, '{') AS json,
        extractGroups(Body, {layout:String}) AS f,
        if(json, JSONExtractString(Body, 'upstream_cluster'), f[8]) AS cluster,
        startsWith(cluster, 'inbound') OR startsWith(cluster, 'InboundPassthrough') AS inbound,
        startsWith(cluster, 'outbound|') AS outbound,
        if(json, JSONExtractString(Body, 'authority'), f[6]) AS any_authority,
        if(outbound, '', any_authority) AS authority,
        if(inbound, '', if(json, JSONExtractString(Body, 'upstream_host'), f[7])) AS upstream_host,
        if(inbound, '', replaceRegexpOne(
            if(json, JSONExtractString(Body, 'upstream_local_address'), f[9]), ':[0-9]+$', ''
        )) AS upstream_local,
        if(json, JSONExtractString(Body, 'downstream_local_address'), f[10]) AS listening,
        multiIf(
            outbound, '',
            startsWith(listening, '127.0.0.1:'), listening,
            replaceRegexpOne(listening, ':[0-9]+$', '')
        ) AS downstream_local,
        if(outbound, '', replaceRegexpOne(
            if(json, JSONExtractString(Body, 'downstream_remote_address'), f[11]), ':[0-9]+$', ''
        )) AS downstream_remote,
        if(outbound, '', if(json, JSONExtractString(Body, 'requested_server_name'), f[12]))
            AS server_name,
        if(json, JSONExtractString(Body, 'method'), splitByChar(' ', f[1])[1]) AS method,
        if(json, JSONExtractString(Body, 'path'), splitByChar(' ', f[1])[2]) AS path,
        if(json, JSONExtractString(Body, 'protocol'), splitByChar(' ', f[1])[-1]) AS protocol,
        toUInt16OrZero(
            if(json, JSONExtractRaw(Body, 'response_code'), f[2])
        ) AS code,
        if(json, JSONExtractString(Body, 'response_flags'), f[3]) AS flags,
        toUInt64OrZero(if(json, JSONExtractRaw(Body, 'duration'), f[4])) AS length_ms,
        multiIf(
            NOT startsWith(protocol, 'HTTP'), 'tcp',
            method = 'POST' AND protocol = 'HTTP/2' AND match(path, '^/[A-Za-z_][\\w.]*/[A-Za-z_]\\w*$'),
            'rpc',
            'http'
        ) AS connection,
        toUInt16(floor(log2(toFloat64(length_ms) * 1000000 + 1) * 16)) AS bucket,
        toUnixTimestamp64Nano(Timestamp) AS at_unix_ns
    FROM @logs
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND TimestampTime >= toDateTime(intDiv({start:Int64}, 1000000000))
        AND TimestampTime <= toDateTime(intDiv({end:Int64}, 1000000000))
        AND DataSet = {data_set:String}
        AND (
            hasToken(Body, 'outbound') OR hasToken(Body, 'inbound')
            OR hasToken(Body, 'PassthroughCluster') OR hasToken(Body, 'InboundPassthroughCluster')
        )
)
WHERE cluster != ''
GROUP BY service, pod, cluster, authority, upstream_host, upstream_local, downstream_local,
    downstream_remote, server_name, connection
ORDER BY calls DESC, service, pod, cluster, authority, upstream_host, upstream_local, downstream_local,
    downstream_remote, server_name, connection
LIMIT {limit:UInt64}
