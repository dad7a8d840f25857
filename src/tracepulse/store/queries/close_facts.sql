-- What spans say of addresses and names: where each service is, by what name it is called, and from where.
SELECT
    service, kind, root, pod, own_address, said, peer_address,
    count() AS calls,
    sum(failed) AS errors,
    sumMap([bucket], [toUInt64(1)]) AS lengths,
    min(at_unix_ns) AS first_unix_ns,
    max(at_unix_ns) AS last_unix_ns
FROM
(
    SELECT
        ServiceName AS service,
        @kind_code AS kind,
        toUInt8(ParentSpanId = '') AS root,
        @resource AS resource,
        @pod_of_resource AS pod,
        @address_of_resource AS own_address,
        @said_address AS said,
        if(kind = 2 OR kind = 1 AND root, @peer_address, '') AS peer_address,
        @failed AS failed,
        toUInt16(floor(log2(toFloat64(Duration) + 1) * 16)) AS bucket,
        toUnixTimestamp64Nano(Timestamp) AS at_unix_ns
    FROM @spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND DataSet = {data_set:String}
        AND SpanKind != 'Internal'
)
WHERE service != '' AND (pod != '' OR own_address != '' OR said != '' OR peer_address != '')
GROUP BY service, kind, root, pod, own_address, said, peer_address
ORDER BY calls DESC, service, kind, root, pod, own_address, said, peer_address
LIMIT {limit:UInt64}
