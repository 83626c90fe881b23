from http.server import HTTPServer

HTTPServer(('', 8080), None).serve_forever()
