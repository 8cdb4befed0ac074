"""Weights and licensed arrays that a user brings, read without running anything inside them."""
