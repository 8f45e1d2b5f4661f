"""Run a grid of settings in interleaved rounds, and judge what it shows."""
