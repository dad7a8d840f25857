-- Calls by edge, of minutes whose edges are kept: lengths by bucket, and how many of each.
SELECT
    caller,
    callee,
    connection,
    inferred_from,
    tupleElement(lengths, 1) AS buckets,
    tupleElement(lengths, 2) AS calls,
    errors,
    first_unix_s,
    last_unix_s
FROM
(
    SELECT
        Calls.Caller AS caller,
        Calls.Callee AS callee,
        Calls.Connection AS connection,
        Calls.InferredFrom AS inferred_from,
        sumMap([Calls.Bucket], [Calls.Calls]) AS lengths,
        sum(Calls.Errors) AS errors,
        toInt64(toUnixTimestamp(min(Minute))) AS first_unix_s,
        toInt64(toUnixTimestamp(max(Minute))) AS last_unix_s
    FROM @edge_minutes
    ARRAY JOIN Calls
    WHERE DataSet = {data_set:String}
        AND Minute >= toDateTime({first:UInt32}) AND Minute <= toDateTime({last:UInt32})
        AND NOT has({without:Array(UInt32)}, toUnixTimestamp(Minute))
    GROUP BY caller, callee, connection, inferred_from
)
