#!/usr/bin/env bash
# Makes a Python environment with jaxmlda on every worker, out of the files that sync.sh brought.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

begin 'Installs jaxmlda[tpu] on all workers. Workers on which it is installed already are left alone.' \
  '[--dry-run] [--env=FILE]' "$@"
no_words

on_workers jaxmlda/source/tpu_scripts/worker.sh setup ||
  die "a worker is not set up, for the reason above; without files there run sync.sh first; else run setup.sh again"
if [[ $DRY_RUN == no ]]; then say "all workers of $TPU_NAME are set up; next: launch.sh RUNFILE"; fi
