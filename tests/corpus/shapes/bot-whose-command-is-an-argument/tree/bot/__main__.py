import asyncio

from bot.client import Client


async def main() -> None:
    async with Client() as client:
        await client.start("token")


asyncio.run(main())
