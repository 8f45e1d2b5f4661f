"""Measure: plain data, clock passed in."""
