import os

from routes import start_site

os.environ["STORE"] = "memory"
start_site()
