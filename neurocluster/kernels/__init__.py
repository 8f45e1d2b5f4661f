"""Compute: compiled kernels and their slow twins."""
