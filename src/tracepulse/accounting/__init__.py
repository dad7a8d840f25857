"""What became of every record: received = stored + deduplicated + rejected + queued."""
