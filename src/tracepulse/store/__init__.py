"""Telemetry in the OpenTelemetry exporter's tables, and the questions asked of it."""
