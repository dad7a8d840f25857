-- What points of this kind have of their own: columns; their values; fields of the metric.
Count, Sum, BucketCounts, ExplicitBounds, @exemplar_columns, Flags, Min, Max,
AggregationTemporality
--
point.count AS Count,
ifNull(point.sum, 0) AS Sum,
point.bucket_counts AS BucketCounts,
point.explicit_bounds AS ExplicitBounds,
@exemplars(point),
point.flags AS Flags,
ifNull(point.min, 0) AS Min,
ifNull(point.max, 0) AS Max,
temporality AS AggregationTemporality
--
metric.histogram.aggregation_temporality AS temporality
