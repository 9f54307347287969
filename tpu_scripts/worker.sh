#!/usr/bin/env bash
# What happens on a worker; sync.sh, setup.sh and launch.sh call it there. In: ~/jaxmlda-parcel. Out, in ~/jaxmlda:
# `unpack` makes source, `setup` makes venv, `start` makes runs/ID with log, pgid and, at the end, exit.
set -euo pipefail

PYTHON_VERSION=3.11
HERE=$HOME/jaxmlda
SOURCE=$HERE/source
PYTHON=$HERE/venv/bin/python

say() { printf '%s: %s\n' "$HOSTNAME" "$*"; }

# Writes a small file whole or not at all.
put() {
  printf '%s\n' "$2" >"$1.new"
  mv -- "$1.new" "$1"
}

# The new files take the place of the old ones only when they are all there.
unpack() {
  local parcel=$HOME/jaxmlda-parcel new=$SOURCE.new old=$SOURCE.old
  rm -rf -- "$new" "$old"
  mkdir -p -- "$new"
  tar --extract --gzip --no-same-owner --file="$parcel/source.tgz" --directory="$new"
  mv -- "$parcel/GIT_SHA" "$new/GIT_SHA"
  if [[ -e $SOURCE ]]; then mv -- "$SOURCE" "$old"; fi
  mv -- "$new" "$SOURCE"
  rm -rf -- "$old" "$parcel"
  say "has $(<"$SOURCE/GIT_SHA")"
}

# The environment is made again when one of these files, or the version of Python, is another.
wanted() {
  { printf '%s\n' "$PYTHON_VERSION" && cat -- "$SOURCE"/{setup.py,constraints.txt,jaxmlda/__init__.py}; } | sha256sum
}

# The system's Python is older than jaxmlda needs; uv brings the right one.
setup() {
  local stamp=$HERE/venv.stamp key
  key=$(wanted)
  if [[ -f $stamp && $(<"$stamp") == "$key" ]]; then
    say "set up already"
    return
  fi
  rm -f -- "$stamp"
  python3 -m pip install --quiet --upgrade --target="$HERE/uv" uv
  "$HERE/uv/bin/uv" venv --quiet --clear --seed --python="$PYTHON_VERSION" "$HERE/venv"
  (cd -- "$SOURCE" && "$PYTHON" -m pip install --quiet -c constraints.txt -e '.[tpu]')
  put "$stamp" "$key"
  say "set up"
}

# Whether the process group of the run in a folder is at work.
alive() {
  [[ -f $1/pgid && ! -f $1/exit ]] && kill -0 -- "-$(<"$1/pgid")" 2>/dev/null
}

# start ID RUNFILE [--a.b=v ...]: the run in a session of its own, so that it outlives ssh.
start() {
  local id=$1 folder=$HERE/runs/$1
  if [[ ! -x $PYTHON ]]; then
    say "there is no $PYTHON; run setup.sh first" >&2
    exit 1
  fi
  mkdir -p -- "$folder"
  if alive "$folder"; then
    say "run $id is alive, process group $(<"$folder/pgid"): left alone"
    return
  fi
  rm -f -- "$folder/exit"
  setsid bash "${BASH_SOURCE[0]}" hold "$@" </dev/null >>"$folder/log" 2>&1 &
  # A child of a shell without job control leads no group, so setsid does not fork: this is the group's id.
  put "$folder/pgid" "$!"
  say "run $id started, process group $!"
}

# hold ID RUNFILE [--a.b=v ...]: trains, then writes the exit status.
hold() {
  local folder=$HERE/runs/$1 status=0
  shift
  # A signal to the group is for the training; this shell has to live on and tell how it ended.
  trap : TERM INT HUP
  cd -- "$SOURCE"
  printf 'jaxmlda %s: train' "$(cat GIT_SHA)"
  printf ' %q' "$@"
  printf '\n'
  "$PYTHON" -m jaxmlda train "$@" || status=$?
  put "$folder/exit" "$status"
}

case ${1-} in
  unpack | setup | start | hold) "$@" ;;
  *)
    say "usage: worker.sh unpack | setup | start ID RUNFILE [--a.b=v ...]" >&2
    exit 2
    ;;
esac
