"""Out to people and tools: no analysis here."""
