import tornado.ioloop
import tornado.web


def run() -> None:
    tornado.web.Application([]).listen(5050)
    tornado.ioloop.IOLoop.current().start()
