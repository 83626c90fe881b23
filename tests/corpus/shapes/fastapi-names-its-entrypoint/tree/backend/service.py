from fastapi import FastAPI

api = FastAPI()


@api.get("/")
def read_root() -> dict[str, str]:
    return {"shape": "fastapi-names-its-entrypoint"}
