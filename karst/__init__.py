"""KarstKit: from repos.yaml to running, mutually authenticated, healthy services."""

__version__ = "0.1.0"
