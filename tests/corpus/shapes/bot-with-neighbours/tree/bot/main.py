from extensions import load
import discord

client = discord.Client(intents=load())

if __name__ == '__main__':
    client.run('token')
