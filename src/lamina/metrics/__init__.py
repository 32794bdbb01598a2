"""Figures of a split, gathered batch by batch, with intervals."""
