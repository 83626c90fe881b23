import discord


class Danny(discord.Client):
    pass
