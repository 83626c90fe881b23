from core.server import app

print(app)
