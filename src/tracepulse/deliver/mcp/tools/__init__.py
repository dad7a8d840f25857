"""The tools, one a file; each takes the API and its arguments, and returns Markdown."""
