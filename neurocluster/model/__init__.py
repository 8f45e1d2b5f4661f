"""Describe networks and how they are cut."""
