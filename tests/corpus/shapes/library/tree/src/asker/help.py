def main() -> None:
    print('versions')


if __name__ == '__main__':
    main()
