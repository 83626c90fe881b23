import asyncio

from aiogram import Dispatcher


async def main() -> None:
    await Dispatcher().start_polling()


if __name__ == '__main__':
    asyncio.run(main())
