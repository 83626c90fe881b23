SECRET_KEY = 'of a fixture'
ROOT_URLCONF = 'started.urls'
ALLOWED_HOSTS = ['*']
INSTALLED_APPS: list[str] = []
