SECRET_KEY = "x"
ROOT_URLCONF = "library.urls"
