"""gRPC without generated code: messages are plain bytes."""

import os
import time
from concurrent import futures

import grpc


def hello(request, context):
    if request == b"nobody":
        context.set_trailing_metadata((("reason", "unknown guest"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "no such guest")
    return b"hello " + request


def count(request, _):
    numbers, pause = request.split()
    for number in range(int(numbers)):
        if number:
            time.sleep(float(pause))
        yield b"%d" % number


def chat(requests, _):
    for request in requests:
        yield b"you said " + request


def add(requests, _):
    return b"%d" % sum(map(int, requests))


if __name__ == "__main__":
    server = grpc.server(futures.ThreadPoolExecutor(8))
    handlers = {
        "Hello": grpc.unary_unary_rpc_method_handler(hello),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
        "Add": grpc.stream_unary_rpc_method_handler(add),
    }
    generic = grpc.method_handlers_generic_handler("demo.Greeter", handlers)
    server.add_generic_rpc_handlers((generic,))
    server.add_insecure_port(f"0.0.0.0:{os.environ['PORT']}")
    server.start()
    server.wait_for_termination()
