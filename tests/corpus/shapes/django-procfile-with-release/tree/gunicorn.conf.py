bind = ['0.0.0.0:5006']
workers = 1
