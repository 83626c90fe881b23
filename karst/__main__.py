"""`python -m karst`: the same program as `karst`."""

from karst.cli import main

if __name__ == "__main__":
    main()
