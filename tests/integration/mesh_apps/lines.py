"""Raw TCP where the server speaks first; at the end of input it tells the digest."""

import hashlib
import os
import socketserver


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"lines: ready\n")
        digest = hashlib.sha256()
        while piece := self.request.recv(65536):
            digest.update(piece)
            if piece == b"ping\n":
                self.request.sendall(b"pong\n")
        self.request.sendall(digest.hexdigest().encode())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
