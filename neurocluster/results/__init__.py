"""Write and show what a run leaves."""
