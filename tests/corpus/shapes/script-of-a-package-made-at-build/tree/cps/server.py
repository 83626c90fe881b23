from gevent.pywsgi import WSGIServer


class WebServer:
    def __init__(self, app: object) -> None:
        self.app = app

    def start(self) -> None:
        WSGIServer(('', 8083), self.app).serve_forever()
