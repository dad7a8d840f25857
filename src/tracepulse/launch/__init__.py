"""Starting other people's programs with OpenTelemetry's auto-instrumentation, unchanged."""
