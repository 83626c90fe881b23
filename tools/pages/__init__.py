"""Blocks of the documentation that are made from the code, refreshed in place."""
