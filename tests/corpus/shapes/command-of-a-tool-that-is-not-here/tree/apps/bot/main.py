from aiogram import Dispatcher

Dispatcher().run_polling()
