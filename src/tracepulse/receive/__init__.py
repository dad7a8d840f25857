"""Bytes in, OTLP messages out: knows protocols, not meaning."""
