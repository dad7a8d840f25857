-- A failure is an error of the one who serves (status Error, or HTTP 500 and above) or a refusal
-- (HTTP 400 to 499). The client's span of a refused call bears status Error too: it is a refusal.
SELECT
    DataSet,
    toStartOfInterval(toDateTime(intDiv(toUnixTimestamp64Nano(Timestamp), 1000000000)), INTERVAL 5 SECOND) AS Bin,
    ServiceName,
    SpanName,
    SpanKind,
    toUInt8(ParentSpanId = '') AS IsRoot,
    count() AS Calls,
    countIf(Failed AND NOT IsRefusal) AS Errors,
    countIf(IsRefusal) AS Refused,
    -- Where there is none: the end of time, which does not hide a real one when rows are merged.
    min(if(Failed AND NOT IsRefusal, Timestamp, toDateTime64('2262-01-01 00:00:00', 9, 'UTC'))) AS FirstError,
    min(if(IsRefusal, Timestamp, toDateTime64('2262-01-01 00:00:00', 9, 'UTC'))) AS FirstRefused
FROM
(
    SELECT
        DataSet, Timestamp, ServiceName, SpanName, SpanKind, ParentSpanId,
        toUInt16OrZero(
            if(
                SpanAttributes['http.response.status_code'] != '',
                SpanAttributes['http.response.status_code'],
                SpanAttributes['http.status_code']
            )
        ) AS HttpStatus,
        HttpStatus BETWEEN 400 AND 499 AS IsRefusal,
        StatusCode = 'Error' OR HttpStatus >= 500 AS Failed
    FROM otel_traces
    WHERE SpanKind != 'Internal' OR ParentSpanId = ''
)
GROUP BY DataSet, Bin, ServiceName, SpanName, SpanKind, IsRoot
