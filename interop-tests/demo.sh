#!/usr/bin/env bash
# Sets up a gateway and a target on this machine, in a folder of its own, runs
# one session through it, shows its recording, and stays for you to try until
# Ctrl-C. With DEMO_ONESHOT=1 it ends with the session's exit status.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d "${TMPDIR:-/tmp}/gateway-demo.XXXXXX")
data=$work/data
pids=()
finish() {
	local status=$?
	trap - EXIT INT TERM
	if [ $status -gt 0 ] && [ $status -lt 126 ] && [ -s "$work/serve.log" ]; then
		echo "--- last lines of the gateway:" >&2
		tail -n 20 "$work/serve.log" >&2
	fi
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$work"
	exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() {
	local port
	while port=$((20000 + RANDOM)) && open "$port"; do :; done
	echo "$port"
}
# await PORT PID: until somebody listens at the port, as long as the process lives.
await() {
	for _ in $(seq 100); do
		kill -0 "$2" 2>/dev/null || break
		if open "$1"; then return; fi
		sleep 0.1
	done
	echo "nothing listens at port $1" >&2
	return 1
}

user=$(id -un)
port=$(free_port)
ssh-keygen -q -t ed25519 -N '' -C demo -f "$work/demo"

step 'A data folder with its first administrator'
bin/gateway init --data "$data" --name demo --admin demo --admin-key "$work/demo.pub"

step 'The gateway'
bin/gateway serve --data "$data" --listen "127.0.0.1:$port" >"$work/serve.log" 2>&1 </dev/null &
pids+=($!)
await "$port" $!
echo "listening at 127.0.0.1:$port"
as_demo() { bin/gateway osh --data "$data" --as demo -- "$@" </dev/null; }

step 'A target that trusts the egress key of the account demo'
as_demo selfListEgressKeys --json-greppable |
	grep -oE '(ssh|ecdsa)-[a-z0-9-]+ AAAA[A-Za-z0-9+/=]+' | sort -u >"$work/authorized_keys"
target=$(free_port)
sshd=$(command -v sshd || { [ ! -x /usr/sbin/sshd ] || echo /usr/sbin/sshd; })
if [ -n "$sshd" ]; then
	ssh-keygen -q -t ed25519 -N '' -f "$work/target_key"
	cat >"$work/sshd_config" <<-END
		Port $target
		ListenAddress 127.0.0.1
		HostKey $work/target_key
		AuthorizedKeysFile $work/authorized_keys
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		PermitRootLogin prohibit-password
		StrictModes no
		PidFile none
		Subsystem sftp internal-sftp
	END
	[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
	"$sshd" -D -e -f "$work/sshd_config" >"$work/target.log" 2>&1 </dev/null &
else
	go build -o "$work/sshtarget" ./interop-tests/sshtarget
	"$work/sshtarget" -listen "127.0.0.1:$target" -authorized-keys "$work/authorized_keys" >"$work/target.log" 2>&1 </dev/null &
fi
pids+=($!)
await "$target" $!
echo "$user@127.0.0.1, port $target"

step 'Demo may reach it'
as_demo selfAddPersonalAccess --host 127.0.0.1 --port "$target" --user "$user" --force

step 'A session through the gateway'
ssh=(ssh -F none -p "$port" -i "$work/demo" -o IdentitiesOnly=yes -o IdentityAgent=none
	-o StrictHostKeyChecking=accept-new -o "UserKnownHostsFile=$work/known_hosts")
status=0
"${ssh[@]}" demo@127.0.0.1 -- "$user@127.0.0.1" -p "$target" -- 'echo hello from the target; uname -a' </dev/null || status=$?
echo "exit status $status"

step 'Its recording: listed, played, verified'
# The client has its answer once the recording is sealed; on a slow disk, after a second.
for _ in $(seq 50); do
	if bin/gateway recording verify --data "$data" --all >/dev/null 2>&1; then break; fi
	sleep 0.1
done
bin/gateway recording list --data "$data"
id=$(bin/gateway recording list --data "$data" --json | grep -oE '[0-9a-f]{24}' | head -n 1)
bin/gateway recording play --data "$data" "$id"
bin/gateway recording verify --data "$data" "$id"

if [ -n "${DEMO_ONESHOT-}" ]; then
	exit $status
fi

step 'Now you, from another terminal'
cat <<END
${ssh[*]} -t demo@127.0.0.1 -- $user@127.0.0.1 -p $target     # a shell at the target
${ssh[*]} -t demo@127.0.0.1 -- -i                            # commands, with completion
${ssh[*]} demo@127.0.0.1 -- --osh help
${ssh[*]} demo@127.0.0.1 -- --osh selfListAccesses
bin/gateway recording list --data $data
tail -f $data/audit.jsonl

Ctrl-C ends it and removes $work
END
wait "${pids[@]}"
