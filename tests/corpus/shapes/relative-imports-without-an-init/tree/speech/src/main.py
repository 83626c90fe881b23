import uvicorn
from fastapi import FastAPI

from .core.settings import PORT

app = FastAPI()

if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=PORT)
