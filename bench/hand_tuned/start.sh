#!/bin/sh
# The smallest rules that redirect, then Envoy under its own uid, which they leave out.
set -eu
iptables-restore --noflush /hand/rules || iptables-legacy-restore --noflush /hand/rules
exec setpriv --reuid=1337 --regid=1337 --clear-groups --bounding-set=-all \
    --inh-caps=-all --no-new-privs -- /usr/local/bin/envoy --config-path /hand/envoy.yaml \
    --concurrency 1 --disable-hot-restart --log-level warning
