#!/bin/bash
exec /opt/echo/bin/gunicorn \
    --bind ${ECHO_HOST:-0.0.0.0}:${ECHO_PORT:-8080} \
    --workers 2 \
    echo:app
