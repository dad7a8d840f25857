-- Web vitals that the pages of a trace told of themselves; sent again where they had grown.
SELECT
    SpanId AS span_id,
    LogAttributes AS attributes
FROM @logs
WHERE TraceId = {trace_id:String}
    AND LogAttributes['browser.web_vital.name'] != ''
    AND DataSet = {data_set:String}
ORDER BY LogAttributes['browser.web_vital.name'], span_id, Timestamp, Body, toString(attributes)
LIMIT 1000
