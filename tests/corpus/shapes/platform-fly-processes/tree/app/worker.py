class WorkerSettings:
    functions: list[object] = []
