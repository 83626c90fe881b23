def run():
    print("an agent")
