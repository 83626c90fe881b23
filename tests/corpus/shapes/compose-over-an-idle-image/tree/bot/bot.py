import config
from telegram.ext import ApplicationBuilder


def run_bot() -> None:
    ApplicationBuilder().token(config.TOKEN).build().run_polling()


if __name__ == '__main__':
    run_bot()
