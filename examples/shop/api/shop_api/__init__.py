"""Puts together what the shop's services know, over HTTP."""
