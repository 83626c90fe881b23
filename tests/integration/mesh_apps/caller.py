"""An HTTP/1.0 server on all addresses; tests run their clients beside it."""

import http.server
import os


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"caller: hello")

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    address = ("0.0.0.0", int(os.environ["PORT"]))
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()
