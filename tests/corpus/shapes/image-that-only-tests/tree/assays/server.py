import tornado.ioloop
import tornado.web


def main() -> None:
    tornado.web.Application([]).listen(8020)
    tornado.ioloop.IOLoop.current().start()
