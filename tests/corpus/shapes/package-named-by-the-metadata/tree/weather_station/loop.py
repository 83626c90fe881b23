def loop() -> None:
    while True:
        pass
