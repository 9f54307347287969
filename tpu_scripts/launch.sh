#!/usr/bin/env bash
# Starts a training run on every worker and returns. Out: the run in BUCKET/runs/ID, its log on each worker.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

begin 'Starts jaxmlda train RUNFILE on all workers. A worker on which the run is alive is left alone, and a run that
stopped goes on where it was: give the same command again.

RUNFILE is a run file by its path in the repository, by its name in configs/runs, or a gs:// path. The run is kept in
BUCKET/runs/ID; ID is made from the name of RUNFILE unless --run-id=ID gives one.' \
  '[--dry-run] [--env=FILE] [--run-id=ID] RUNFILE [--a.b=v ...]' "$@"

run_id='' words=()
for word in "${WORDS[@]}"; do
  if [[ $word == --run-id=* ]]; then run_id=${word#--run-id=}; else words+=("$word"); fi
done
if ((${#words[@]} == 0)) || [[ ${words[0]} == -* ]]; then
  die "a run file is needed before settings: launch.sh RUNFILE [--a.b=v ...]"
fi
runfile=${words[0]}

# Whether the workers, which have what the repository has, can find the run file.
findable() {
  local root=$SCRIPTS/..
  [[ $1 == gs://* ]] && return
  [[ $1 != /* ]] && [[ -f $root/$1 || -f $root/configs/runs/$1 || -f $root/configs/runs/$1.yaml ]]
}

findable "$runfile" ||
  die "$(quoted "$runfile"): no such run file here or in configs/runs; a path begins at the root of the repository"
if [[ -z $run_id ]]; then
  run_id=${runfile#configs/runs/}
  run_id=${run_id#gs://}
  run_id=${run_id%.yaml}
  run_id=${run_id//[^A-Za-z0-9._-]/-}
fi
[[ $run_id =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] ||
  die "$(quoted "--run-id=$run_id"): an id is letters, digits, dots, hyphens and underscores, a letter or digit first"

# A worker holds four chips (eight TensorCores), but up to eight chips of v5e and v6e are one worker.
workers() {
  local size=${ACCELERATOR##*-}
  case $ACCELERATOR in
    v4-* | v5p-*) printf '%s' "$((size > 8 ? size / 8 : 1))" ;;
    *) printf '%s' "$((size > 8 ? size / 4 : 1))" ;;
  esac
}

if (($(workers) > 1)); then
  say "beware: $ACCELERATOR has $(workers) workers, and train does not join their processes (docs/tpu.md, Limits)"
fi

# `output` comes first, so that one among the words given prevails.
on_workers jaxmlda/source/tpu_scripts/worker.sh start "$run_id" "$runfile" \
  "--output=$BUCKET/runs/$run_id" "${words[@]:1}" ||
  die "the run is not started on every worker, for the reason above; the same command starts it where it is missing"
if [[ $DRY_RUN == no ]]; then
  say "run $run_id is started on all workers of $TPU_NAME; each keeps ~/jaxmlda/runs/$run_id/{log,pgid,exit}"
fi
