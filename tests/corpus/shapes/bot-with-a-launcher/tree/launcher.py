import asyncio

import click

from bot import Danny


async def run_bot() -> None:
    async with Danny() as bot:
        await bot.start('token')


@click.group(invoke_without_command=True)
def main() -> None:
    asyncio.run(run_bot())


if __name__ == '__main__':
    main()
