#!/bin/sh
# gateway.sh PORT UPSTREAM CERTS RUN BINARY [FULL]: writes settings and keys for the bench into RUN, then becomes the gateway.
# The keys are the bench's own (CERTS/keys.txt). FULL, any word, turns on all that can be turned on; without it requests
# leave no line anywhere, as every other peer has its access log off. No address is limited: all requests come from one.
# The variables WORKERS and LIMITS, if there, say how many workers it has, and lines of [limits].
set -eu
umask 027
port=$1 upstream=$2 certs=$3 run=$4 binary=$5 full=${6:-}
keys=$certs/keys${full:+-full}.toml
cat > "$run/gateway.toml" <<EOT
workers = ${WORKERS:-1}
[listen]
public = "127.0.0.1:$port"
admin = "127.0.0.1:0"
[tls]
certificate = "$certs/cert.pem"
private_key = "$certs/key.pem"
[keys]
file = "$keys"
[upstream]
url = "$upstream"
tools = ["get_alerts", "get_forecast"]
[routes]
protected = ["/mcp", "/sse", "/idle", "/big"]
[limits]
failures_per_address = "unlimited"
max_connections_per_address = "unlimited"
${LIMITS:-}
[log]
level = "warn"
[audit]
output = "$([ "$full" ] && echo ./audit.jsonl || echo off)"
rotate_size = "64MiB"
keep = 1
EOT
# A list of tools makes every call be read and judged; the limits are counted and never reached.
client='tools = "all"'
if [ "$full" ]; then
  client='tools = ["get_alerts", "get_forecast"]
rate = "1000000/s"
cost.get_forecast = 1
max_streams = 100000
max_in_flight = 100000
allow_from = ["127.0.0.0/8"]
tool.get_forecast.rate = "1000000/s"'
fi
# made once: a fork a key is slow under valgrind
if [ ! -s "$keys" ]; then
  n=0
  while read -r key; do
    n=$((n + 1))
    printf '[[client]]\nid = "client-%s"\n%s\n[[client.key]]\nid = "benchkey%s"\ndigest = "sha256:%s"\n' \
      "$n" "$client" "$n" "$(printf %s "$key" | sha256sum | cut -d' ' -f1)"
  done < "$certs/keys.txt" > "$keys"
fi
exec "$binary" serve --config "$run/gateway.toml"
