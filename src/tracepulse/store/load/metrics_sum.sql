-- What points of this kind have of their own: columns; their values; fields of the metric.
Value, Flags, @exemplar_columns, AggregationTemporality, IsMonotonic
--
@number(point) AS Value,
point.flags AS Flags,
@exemplars(point),
temporality AS AggregationTemporality,
is_monotonic AS IsMonotonic
--
metric.sum.aggregation_temporality AS temporality,
metric.sum.is_monotonic AS is_monotonic
