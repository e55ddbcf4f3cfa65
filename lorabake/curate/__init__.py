"""Curating: which pictures are good enough, what is missing, and what is cut or painted over."""
