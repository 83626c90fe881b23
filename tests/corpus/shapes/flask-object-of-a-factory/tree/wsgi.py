from blueprint import create_app

app = create_app()
