import time


def main() -> None:
    while True:
        time.sleep(1)
