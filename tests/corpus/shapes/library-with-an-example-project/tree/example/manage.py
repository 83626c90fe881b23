import django

if __name__ == '__main__':
    print(django, 'DJANGO_SETTINGS_MODULE', 'example.settings')
