"""Frozen records that every stage shares; no I/O."""
