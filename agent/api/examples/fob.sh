#!/bin/sh
# fob.sh PROFILE: a code, a session and the touch that it takes, by curl.
set -eu
socket=${FOB_SOCKET:-$XDG_RUNTIME_DIR/fob/agent.sock}
ask() { curl --silent --show-error --no-buffer --unix-socket "$socket" "$@"; }

# The event stream, from its first line on: nothing after that is missed.
events=$(mktemp -u)
mkfifo -m 600 "$events"
ask http://fob/v1/events >"$events" &
follower=$!
trap 'kill $follower; rm -f "$events"' EXIT
exec 3<"$events"
read -r _ <&3

# An error's body is {"error":{"code":…,"message":…,"hint":…}}.
ask -H 'Content-Type: application/json' -d "{\"name\":\"$1\"}" http://fob/v1/codes
ask -H 'Content-Type: application/json' -d "{\"profile\":\"$1\",\"renew\":true}" http://fob/v1/sessions
while read -r line <&3; do
	case $line in
	'event: touch-wanted') read -r data <&3 && echo "${data#data: }" && break ;;
	esac
done
