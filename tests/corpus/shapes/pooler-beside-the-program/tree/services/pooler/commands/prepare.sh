#!/bin/sh
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
