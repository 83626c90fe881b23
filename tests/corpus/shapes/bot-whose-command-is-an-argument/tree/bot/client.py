import discord


class Client(discord.Client):
    pass
