#!/bin/bash
python manage.py migrate
python manage.py createsuperuser --noinput
celery -A vouchers worker -l info --detach
uwsgi --ini docker/uwsgi.ini
