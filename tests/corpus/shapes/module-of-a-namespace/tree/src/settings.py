TITLE = 'chat'
