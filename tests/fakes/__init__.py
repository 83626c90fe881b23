"""Forges for tests: real HTTP servers on loopback, over real git repositories."""
