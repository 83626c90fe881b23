from telegram.ext import Application


class Bot:
    def run(self) -> None:
        Application.builder().build().run_polling()
