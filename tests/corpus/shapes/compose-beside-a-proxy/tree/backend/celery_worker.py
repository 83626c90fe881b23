from celery import Celery
from shop import create_app

app = create_app()
celery = Celery("shop")
