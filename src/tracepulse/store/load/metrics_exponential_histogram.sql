-- What points of this kind have of their own: columns; their values; fields of the metric.
Count, Sum, Scale, ZeroCount, PositiveOffset, PositiveBucketCounts, NegativeOffset,
NegativeBucketCounts, @exemplar_columns, Flags, Min, Max, AggregationTemporality
--
point.count AS Count,
ifNull(point.sum, 0) AS Sum,
point.scale AS Scale,
point.zero_count AS ZeroCount,
point.positive.offset AS PositiveOffset,
point.positive.bucket_counts AS PositiveBucketCounts,
point.negative.offset AS NegativeOffset,
point.negative.bucket_counts AS NegativeBucketCounts,
@exemplars(point),
point.flags AS Flags,
ifNull(point.min, 0) AS Min,
ifNull(point.max, 0) AS Max,
temporality AS AggregationTemporality
--
metric.exponential_histogram.aggregation_temporality AS temporality
