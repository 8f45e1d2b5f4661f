"""Explore recovery: one cluster on a virtual clock, faults drawn from a seed.

Controller, members and the client's stream are the real objects; control messages go
through their bytes. The data path is a model in plain Python (`network`, `nodes`).
"""
