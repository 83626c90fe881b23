SECRET_KEY = "x"
ROOT_URLCONF = "core.urls"
