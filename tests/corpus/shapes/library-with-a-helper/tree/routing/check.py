def main() -> None:
    print('fine')
