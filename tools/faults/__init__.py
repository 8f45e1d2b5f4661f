"""Injure real clusters at chosen moments and see what the user gets."""
