import http.server
import os


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"program-beside-helpers")


if __name__ == "__main__":
    port = int(os.getenv("PORT", "8765"))
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
