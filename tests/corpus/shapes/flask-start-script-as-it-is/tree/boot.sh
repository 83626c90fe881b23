#!/bin/bash
# this script is used to boot a container
while true; do
    flask routes
    if [[ "$?" == "0" ]]; then
        break
    fi
    sleep 5
done
exec gunicorn -b :5000 --access-logfile - --error-logfile - blog:app
