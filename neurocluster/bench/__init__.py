"""Measure speed, interleaved with yardsticks."""
