#!/bin/sh
# gateway.sh PORT UPSTREAM CERTS RUN BINARY [FULL]: writes settings and keys for the bench into RUN, then becomes the gateway.
# The keys are the bench's own (CERTS/keys.txt); the audit is off, as every other peer has its access log off.
set -eu
port=$1 upstream=$2 certs=$3 run=$4 binary=$5
cat > "$run/gateway.toml" <<EOT
workers = 1
[listen]
public = "127.0.0.1:$port"
admin = "127.0.0.1:0"
[tls]
certificate = "$certs/cert.pem"
private_key = "$certs/key.pem"
[keys]
file = "$certs/keys.toml"
[upstream]
url = "$upstream"
[routes]
protected = ["/mcp", "/sse", "/idle", "/big"]
[limits]
max_connections_per_address = "unlimited"
[log]
level = "warn"
[audit]
output = "off"
EOT
# made once: a fork a key is slow under valgrind
if [ ! -s "$certs/keys.toml" ]; then
  n=0
  while read -r key; do
    n=$((n + 1))
    printf '[[client]]\nid = "client-%s"\ntools = "all"\n[[client.key]]\nid = "benchkey%s"\ndigest = "sha256:%s"\n' \
      "$n" "$n" "$(printf %s "$key" | sha256sum | cut -d' ' -f1)"
  done < "$certs/keys.txt" > "$certs/keys.toml"
fi
exec "$binary" serve --config "$run/gateway.toml"
