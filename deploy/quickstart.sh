#!/usr/bin/env bash
# Builds everything, makes certificates and a key, starts the weather backend and the gateway in front of it, asks for
# a forecast through TLS, and stays until Ctrl-C. Needs a Rust toolchain and nothing else. Never leaves a process behind.
set -euo pipefail

readonly USAGE='Usage: deploy/quickstart.sh [OPTIONS]

Builds gateway, weather backend and example client, and runs them on loopback.

Options:
  --once               stop after the first answer
  --live               ask the National Weather Service (needs the internet) instead of sample data
  --port PORT          where clients connect, over TLS [default: 8443]
  --backend-port PORT  where the weather backend listens [default: 8081]
  --admin-port PORT    where /metrics, /livez and /readyz are [default: 9464]
  -h, --help           print this

Writes to target/quickstart/ only: ca.pem server.pem server.key api-key gateway.toml keys.toml, ca.key and two logs.

Exit codes: 0 answered (and ended by Ctrl-C), 1 failed, 64 wrong arguments, 128 + N ended by signal N before that.'

port=8443 backend_port=8081 admin_port=9464
once='' source=sample ready='' locked=''

main() {
  read_arguments "$@"
  cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
  trap stop EXIT
  trap 'interrupted 1' HUP
  trap 'interrupted 2' INT
  trap 'interrupted 13' PIPE
  trap 'interrupted 15' TERM

  take_directory
  need_free_ports
  build
  write_settings
  make_key
  make_certificates
  need_free_ports
  start_servers
  say 'asking for the forecast for New York'
  ask_forecast
  if [[ $once ]]; then
    return
  fi
  print_commands
  ready=yes
  printf '\nready: https://localhost:%s/mcp\n' "$port"
  while is_running "$backend" && is_running "$gateway"; do
    attended sleep 1
  done
  fail "a server ended by itself; its last words are in $directory/*.log"
}

read_arguments() {
  local name value
  while (($#)); do
    name=$1
    shift
    case $name in
      --port | --backend-port | --admin-port)
        (($#)) || misused "$name needs a port"
        value=$1
        shift
        ;;
      --port=* | --backend-port=* | --admin-port=*)
        value=${name#*=}
        name=${name%%=*}
        ;;
    esac
    case $name in
      --port) port=$(port_number "$name" "$value") ;;
      --backend-port) backend_port=$(port_number "$name" "$value") ;;
      --admin-port) admin_port=$(port_number "$name" "$value") ;;
      --once) once=yes ;;
      --live) source=nws ;;
      -h | --help)
        printf '%s\n' "$USAGE"
        exit 0
        ;;
      *) misused "unknown argument: $name" ;;
    esac
  done
  if ((port == backend_port || port == admin_port || backend_port == admin_port)); then
    misused "--port, --backend-port and --admin-port must differ (they are $port, $backend_port and $admin_port)"
  fi
}

port_number() {
  if [[ ! $2 =~ ^[0-9]{1,5}$ ]] || ((10#$2 < 1 || 10#$2 > 65535)); then
    misused "$1 needs a port from 1 to 65535, not '$2'"
  fi
  printf '%d' "$((10#$2))"
}

# Two at once would take away each other's key. A process that was killed cannot clean up: its mark is void.
take_directory() {
  readonly directory=target/quickstart
  local other=''
  mkdir -p "$directory"
  if ! mark_directory; then
    read -r other <"$directory/pid" || true
    if [[ $other =~ ^[0-9]+$ ]] && is_quickstart "$other"; then
      fail "another quickstart.sh (process $other) is running in this directory; stop it first"
    fi
    rm -f "$directory/pid"
    mark_directory || fail "another quickstart.sh has just started in this directory"
  fi
  locked=yes
}

mark_directory() {
  (set -o noclobber && echo "$$" >"$directory/pid") 2>/dev/null
}

# Numbers of processes come around: a living process is one of ours only if it is named so, where that can be seen.
is_quickstart() {
  kill -0 "$1" 2>/dev/null || return
  local arguments
  arguments=$(ps -p "$1" -o args= 2>/dev/null) || return 0
  [[ $arguments == *quickstart.sh* ]]
}

need_free_ports() {
  need_free_port "$port" --port
  need_free_port "$backend_port" --backend-port
  need_free_port "$admin_port" --admin-port
}

need_free_port() {
  if (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
    fail "port $1 is taken by another program; stop that one, or choose another port with $2 PORT"
  fi
}

build() {
  command -v cargo >/dev/null || fail "there is no cargo; install Rust 1.88 or later (https://rustup.rs)"
  say 'building in release (minutes the first time, seconds from then on)'
  attended env -u CARGO_BUILD_TARGET cargo build --release --locked --target-dir target \
    -p gateway -p weather-backend -p gateway-examples \
    --bin gateway --bin weather-backend --bin weather-client || fail 'the build failed, see above'
}

write_settings() {
  umask 077
  cat >"$directory/gateway.toml" <<TOML
# Written by deploy/quickstart.sh at every start. config/gateway.toml shows all settings with their defaults.

[listen]
public = "127.0.0.1:$port"
admin = "127.0.0.1:$admin_port"
# The pages of MCP Inspector.
allowed_origins = ["http://localhost:6274", "http://127.0.0.1:6274"]

[tls]
certificate = "server.pem"
private_key = "server.key"

[keys]
file = "keys.toml"

[upstream]
url = "http://127.0.0.1:$backend_port"
tools = ["get_alerts", "get_forecast"]

[drain]
timeout = "3s"
TOML
}

# Keys of earlier starts go, so that the file does not grow and an old key is no key.
make_key() {
  echo '# Written by deploy/quickstart.sh at every start; config/keys.toml explains the members.' >"$directory/keys.toml"
  quietly "$directory/keys.log" run_gateway keys new quickstart --tools get_alerts,get_forecast >"$directory/api-key"
}

# A certificate lasts 365 days: one that is usable and younger than 300 is kept, and clients go on trusting it. One that
# cannot be renewed, since files are missing or broken, is replaced together with its authority.
make_certificates() {
  has_certificates && return
  say 'making a private CA and a certificate'
  local names=(--name localhost --name 127.0.0.1 --name ::1)
  run_gateway certs new --out "$directory" "${names[@]}" >/dev/null 2>&1 && has_certificates && return
  quietly "$directory/certs.log" run_gateway certs new --out "$directory" "${names[@]}" --force >/dev/null
  run_gateway check >/dev/null || fail 'the settings cannot be used, see above'
}

has_certificates() {
  [[ -s $directory/ca.pem && -n $(find "$directory/server.pem" -mtime -300 2>/dev/null) ]] &&
    run_gateway check >/dev/null 2>&1
}

start_servers() {
  local url="https://localhost:$port/mcp"
  say "starting the weather backend (source: $source) on 127.0.0.1:$backend_port"
  in_background target/release/weather-backend --listen "127.0.0.1:$backend_port" --source "$source" \
    --drain-timeout 3s >"$directory/backend.log" 2>&1
  backend=$!
  await "$backend" "$backend_port" /health backend

  say "starting the gateway on $url"
  in_background target/release/gateway serve --config "$directory/gateway.toml" >"$directory/gateway.log" 2>&1
  gateway=$!
  await "$gateway" "$admin_port" /readyz gateway
}

# Waits until a server of ours answers 200.
await() {
  local server=$1 server_port=$2 path=$3 name=$4 tries
  for ((tries = 0; tries < 300; tries++)); do
    if ! is_running "$server"; then
      cat "$directory/$name.log" >&2
      fail "the $name did not start, see above"
    fi
    answers "$server_port" "$path" && return
    attended sleep 0.1
  done
  fail "the $name is not ready after 30 s; see $directory/$name.log"
}

answers() (
  exec 3<>"/dev/tcp/127.0.0.1/$1" || exit
  printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$2" "$1" >&3
  IFS= read -r -t 2 status <&3 && [[ $status == 'HTTP/1.1 200'* ]]
) 2>/dev/null

ask_forecast() {
  local url="https://localhost:$port/mcp"
  echo
  attended target/release/weather-client --url "$url" --ca "$directory/ca.pem" --key-file "$directory/api-key" \
    forecast 40.7128 -74.0060 || fail "no forecast came, see above; logs are in $directory/"
}

print_commands() {
  local url="https://localhost:$port/mcp"
  printf '\nIn another terminal:\n\ncd %q\n' "$PWD"
  cat <<COMMANDS

# the example client
target/release/weather-client --url $url --ca $directory/ca.pem --key-file $directory/api-key alerts CA

# curl; the key does not show in the list of processes
printf 'X-API-Key: %s' "\$(cat $directory/api-key)" | curl --cacert $directory/ca.pem -H @- \\
  -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\
  -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' $url

# Python, after: pip install 'mcp>=2.3'
SSL_CERT_FILE=$directory/ca.pem python3 -c '
import asyncio, httpx2, mcp
from mcp.client.streamable_http import streamable_http_client
async def main():
    key = {"X-API-Key": open("$directory/api-key").read().strip()}
    async with httpx2.AsyncClient(headers=key, timeout=90) as http:
        async with mcp.Client(streamable_http_client("$url", http_client=http)) as client:
            print(await client.call_tool("get_alerts", {"state": "CA"}))
asyncio.run(main())'

# Claude Code, which keeps the name of the variable, not the key
export API_KEY="\$(cat $directory/api-key)"
claude mcp add --transport http weather $url --header 'X-API-Key: \${API_KEY}'
NODE_EXTRA_CA_CERTS="\$PWD/$directory/ca.pem" claude

# what an operator sees, and the keys
curl http://127.0.0.1:$admin_port/metrics
target/release/gateway --config $directory/gateway.toml keys list
COMMANDS
}

run_gateway() {
  target/release/gateway --config "$directory/gateway.toml" "$@"
}

# What a command says is of interest only if it fails.
quietly() {
  local log=$1
  shift
  if ! "$@" 2>"$log"; then
    cat "$log" >&2
    fail "this failed: ${*#run_}"
  fi
  rm -f "$log"
}

# In a process group of its own, so that Ctrl-C reaches this script alone, which then stops its children in order.
in_background() {
  set -m
  "$@" </dev/null &
  set +m
}

# Bash handles signals between commands only, and while it waits: so nothing that takes long is in the foreground.
attended() {
  in_background "$@"
  wait "$!"
}

is_running() {
  kill -0 "$1" 2>/dev/null
}

say() {
  printf '==> %s\n' "$1" >&2
}

fail() {
  printf 'quickstart.sh: %s\n' "$1" >&2
  exit 1
}

misused() {
  printf 'quickstart.sh: %s; see deploy/quickstart.sh --help\n' "$1" >&2
  exit 64
}

# Ctrl-C and the like are how a quickstart that is ready is meant to end.
interrupted() {
  [[ $ready ]] && exit 0
  exit "$((128 + $1))"
}

# Runs at every exit. Ends all children with everything they started, and waits until they are gone.
stop() {
  local status=$? groups group tries
  trap '' HUP INT PIPE TERM
  groups=$(jobs -p)
  for group in $groups; do
    kill -TERM -- "-$group" 2>/dev/null || true
  done
  for group in $groups; do
    for ((tries = 0; tries < 100; tries++)); do
      kill -0 -- "-$group" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$group" 2>/dev/null || true
    wait "$group" 2>/dev/null || true
  done
  if [[ $locked ]]; then
    rm -f "$directory/pid"
  fi
  exit "$status"
}

main "$@"
