import django

print(django, 'DJANGO_SETTINGS_MODULE', 'core.settings')
