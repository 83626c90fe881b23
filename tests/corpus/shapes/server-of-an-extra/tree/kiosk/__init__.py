import whitenoise
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return f"server-of-an-extra, {whitenoise.__name__}"
