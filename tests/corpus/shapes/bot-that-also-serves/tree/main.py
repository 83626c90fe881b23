import discord
from keep_alive import keep_alive

bot = discord.Client(intents=discord.Intents.default())
keep_alive()
bot.run('token')
