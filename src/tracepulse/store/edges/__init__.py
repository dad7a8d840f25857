"""Who calls whom: worked out of spans, and kept by minute."""
