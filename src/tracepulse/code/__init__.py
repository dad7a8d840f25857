"""The source tree and its history: which file, line and commit."""
