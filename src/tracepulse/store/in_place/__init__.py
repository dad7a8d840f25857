"""Telemetry that a Collector wrote into somebody else's ClickHouse, read where it is."""
