"""Durable append of raw messages, before the sender hears that they are safe."""
