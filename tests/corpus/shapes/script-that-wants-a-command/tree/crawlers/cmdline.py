import sys
from importlib import import_module


def main():
    if len(sys.argv) < 2:
        print("usage: crawlers COMMAND")
        sys.exit(1)
    import_module(f"crawlers.{sys.argv[1]}").run()
