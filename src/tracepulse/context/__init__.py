"""One question or incident in, one bounded and redacted bundle out."""
