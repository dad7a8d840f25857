"""A demo shop of four services that breaks on purpose."""
