#!/bin/sh
set -e
export STAGE=production
export SEEDS=/code/seeds
export PYTHONPATH=/code/service
cd $CODE/service
alembic -c /code/alembic.ini upgrade head
uvicorn http_api:app --host 0.0.0.0 --port 8040 --log-config /code/log.yaml
