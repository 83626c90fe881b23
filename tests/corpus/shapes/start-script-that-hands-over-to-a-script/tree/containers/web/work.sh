#!/bin/bash
set -o errexit
celery -A main.queue worker
