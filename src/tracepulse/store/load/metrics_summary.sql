-- What points of this kind have of their own: columns; their values; fields of the metric.
Count, Sum, ValueAtQuantiles.Quantile, ValueAtQuantiles.Value, Flags
--
point.count AS Count,
point.sum AS Sum,
arrayMap(q -> q.quantile, point.quantile_values) AS `ValueAtQuantiles.Quantile`,
arrayMap(q -> q.value, point.quantile_values) AS `ValueAtQuantiles.Value`,
point.flags AS Flags
