def handle() -> None:
    while True:
        pass
