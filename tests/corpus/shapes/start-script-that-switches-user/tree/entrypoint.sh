#!/bin/sh

PUID=${PUID:-1000}
SPOOLS_PORT=${SPOOLS_PORT:-7912}
SPOOLS_HOST=${SPOOLS_HOST:-0.0.0.0}

if [ "$(id -u app)" -ne "$PUID" ]; then
    usermod -o -u "$PUID" app
fi
if [ "$(id -u)" -eq 0 ]; then
    exec gosu "app" "$0" "$@"
fi

exec uvicorn spools.main:app --host $SPOOLS_HOST --port $SPOOLS_PORT "$@"
