import sys


def main() -> None:
    from cps.main import main

    main()


if __name__ == '__main__':
    main()
