"""Hints beside the pictures of a grid, each explained, and one sentence that proposes epoch and weight."""
