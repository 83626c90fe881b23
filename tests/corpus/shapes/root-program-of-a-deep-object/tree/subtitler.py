import subprocess
import sys


def start() -> None:
    subprocess.Popen([sys.executable, 'subtitler/main.py']).wait()


if __name__ == '__main__':
    start()
