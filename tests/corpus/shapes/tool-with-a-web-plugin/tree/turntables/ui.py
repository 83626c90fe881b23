def main() -> None:
    print('usage')
