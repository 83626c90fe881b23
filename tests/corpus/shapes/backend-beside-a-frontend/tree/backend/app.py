from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return "backend-beside-a-frontend"


if __name__ == '__main__':
    app.run()
