"""Start and stop processes on an engine."""
