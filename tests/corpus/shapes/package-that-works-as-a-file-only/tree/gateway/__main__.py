from handlers import handle

handle()
