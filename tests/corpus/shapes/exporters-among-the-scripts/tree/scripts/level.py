from prometheus_client import start_http_server

from scripts.common import PREFIX


def main():
    start_http_server(9100)
    print(PREFIX)


if __name__ == "__main__":
    main()
