"""Flood a running cluster with messages of strangers; see ``python -m tools.flood``."""
