-- What points of this kind have of their own: columns; their values; fields of the metric.
Value, Flags, @exemplar_columns
--
@number(point) AS Value,
point.flags AS Flags,
@exemplars(point)
