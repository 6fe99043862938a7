# Sourced by the other scripts: where things are, and what tells one cluster from another.
# shellcheck shell=bash disable=SC2034
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
# version NAME: the pinned version of a program
version() { sed -n "s/^ *\"$1\": \"\([^\"]*\)\".*/\1/p" "$checkout/tools/versions.json"; }
kubernetes=$(version kubernetes)
bin=${VEXTIR_CACHE:-$HOME/.cache/vextir}/kubernetes-$kubernetes
dir=$(realpath -m "${VEXTIR_CLUSTER_DIR:-/var/tmp/vextir-cluster}")
lock=$dir.lock
# The folder names the cluster's control group, so two clusters never share one.
cgroup=vextir-cluster-$(printf %s "$dir" | sha256sum | cut -c1-12)
containerd_socket=$dir/containerd/containerd.sock

fail() { echo "$(basename "$0"): $*" >&2; exit 1; }
say() { echo "$(basename "$0"): $*" >&2; }

# A pid is reused after a while; together with its start time it is not.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# Whether the process that holds this cluster's namespaces is there.
alive() {
  local pid start
  [ -f "$dir/init" ] || return 1
  read -r pid start <"$dir/init"
  [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ]
}

# Whether all of its programs are.
running() { alive && [ ! -e "$dir/log/ended" ]; }

# One `up` or `down` at a time for a folder. Descriptor 9 keeps the lock until the script ends.
take_lock() {
  exec 9>"$lock"
  flock -n 9 && return
  say "waiting for another up or down of $dir"
  flock -w 600 9 || fail "still locked after 600 s: see who holds $lock (fuser $lock)"
}

# Another checkout's cluster is never touched.
check_owner() {
  local owner
  owner=$(cat "$dir/owner" 2>/dev/null) || return 0
  [ "$owner" = "$checkout" ] || fail "$dir belongs to the checkout $owner: set VEXTIR_CLUSTER_DIR to another folder"
}

# Everything of a cluster lives in its own namespaces, so ending their first process ends it all, after a crash too.
stop_all() {
  local pid _
  if alive; then
    # Now, since the kernel takes its time with it once the processes are gone.
    ip link delete "$(cat "$dir/link")" 2>/dev/null || true
    read -r pid _ <"$dir/init"
    kill -9 "$pid" 2>/dev/null || true
    for _ in $(seq 100); do alive || break; sleep 0.1; done
    alive && fail "process $pid did not end"
  fi
  find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null || true
  # What a pod wrote may be busy for the blink in which its namespaces are torn down.
  for _ in $(seq 50); do rm -rf "$dir" 2>/dev/null && return; sleep 0.1; done
  fail "cannot remove $dir"
}
