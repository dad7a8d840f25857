-- Lines below WARN are counted per severity alone; from WARN on by their shape: the body with
-- everything that varies from line to line (numbers, ids, quoted text) masked.
SELECT
    DataSet,
    toStartOfInterval(TimestampTime, INTERVAL 5 SECOND) AS Bin,
    ServiceName,
    SeverityNumber,
    if(
        SeverityNumber >= 13,
        replaceRegexpAll(
            substringUTF8(extract(Body, '^[^\r\n]*'), 1, 300),
            '("[^"]*"|\'[^\']*\'|[0-9A-Za-z_.:/@+-]*[0-9][0-9A-Za-z_.:/@+-]*)',
            '<*>'
        ),
        ''
    ) AS Shape,
    count() AS Lines
FROM otel_logs
GROUP BY DataSet, Bin, ServiceName, SeverityNumber, Shape
