SECRET_KEY = 'of a fixture'
ROOT_URLCONF = 'urls'
ALLOWED_HOSTS = ['*']
