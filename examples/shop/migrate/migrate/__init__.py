"""Puts the shop's products into the store, once."""
