import settings
from flask import Flask

app = Flask(__name__)

if __name__ == "__main__":
    app.run(host=settings.HOST, port=settings.PORT)
