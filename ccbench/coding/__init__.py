"""Lossless coders: what a compressed dataset holds in as few bytes as can be, and not one pixel changed."""
