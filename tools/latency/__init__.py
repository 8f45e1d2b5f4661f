"""Prove the bound of one-way times against the truth, which one real clock knows."""
