def main() -> None:
    print('imported')
