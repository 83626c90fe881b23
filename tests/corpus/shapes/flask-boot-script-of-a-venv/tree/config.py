config: dict[str, object] = {}
