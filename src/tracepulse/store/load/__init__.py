"""Segments into tables."""
