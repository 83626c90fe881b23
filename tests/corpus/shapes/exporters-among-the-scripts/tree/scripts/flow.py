import time

from scripts.common import PREFIX

if __name__ == "__main__":
    while True:
        print(PREFIX)
        time.sleep(60)
