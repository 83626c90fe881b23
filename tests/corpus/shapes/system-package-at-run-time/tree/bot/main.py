from bot_of_shop import Bot

if __name__ == "__main__":
    Bot().run()
