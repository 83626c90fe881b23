#!/bin/bash
set -e
mkdir -p /tmp/data
exec "$@"
