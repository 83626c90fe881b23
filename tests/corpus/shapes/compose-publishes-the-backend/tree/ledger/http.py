from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def balance() -> dict[str, int]:
    return {"balance": 0}
