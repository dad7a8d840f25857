-- Calls by edge and length, of minutes whose edges are kept.
SELECT
    caller,
    callee,
    connection,
    inferred_from,
    bucket,
    sum(calls) AS calls,
    sum(errors) AS errors
FROM
(
    SELECT
        Calls.Caller AS caller, Calls.Callee AS callee, Calls.Connection AS connection,
        Calls.InferredFrom AS inferred_from, Calls.Bucket AS bucket, Calls.Calls AS calls,
        Calls.Errors AS errors
    FROM @edge_minutes
    ARRAY JOIN Calls
    WHERE DataSet = {data_set:String}
        AND Minute >= toDateTime({first:UInt32}) AND Minute <= toDateTime({last:UInt32})
        AND NOT has({without:Array(UInt32)}, toUnixTimestamp(Minute))
)
GROUP BY caller, callee, connection, inferred_from, bucket
