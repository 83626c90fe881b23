ROOT_URLCONF = "site_of.urls"
