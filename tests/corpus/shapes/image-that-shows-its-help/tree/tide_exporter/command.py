import threading

from prometheus_client import start_http_server


def main() -> None:
    start_http_server(9410)
    threading.Event().wait()
