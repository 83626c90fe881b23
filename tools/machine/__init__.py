"""Makes a machine ready for KarstKit: finds what is missing and installs it."""
