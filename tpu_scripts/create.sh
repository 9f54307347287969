#!/usr/bin/env bash
# Asks for a TPU as a queued resource and waits until it is there. Out: a TPU VM that is billed until teardown.sh.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

FIRST_PAUSE=10
LONGEST_PAUSE=300

begin 'Asks for the TPU as a queued resource and waits for it. May be stopped; the same command goes on waiting.' \
  '[--dry-run] [--env=FILE]' "$@"
no_words

create=(gcloud compute tpus queued-resources create "$TPU_NAME" "${WHERE[@]}" "--node-id=$TPU_NAME"
  "--accelerator-type=$ACCELERATOR" "--runtime-version=$RUNTIME")
if [[ $SPOT == yes ]]; then create+=(--spot); fi
describe=(gcloud compute tpus queued-resources describe "$TPU_NAME" "${WHERE[@]}")
look=("${describe[@]}" '--format=value(state.state)')

if [[ $DRY_RUN == yes ]]; then
  run "${look[@]}"
  run "${create[@]}"
  run "${look[@]}"
  exit 0
fi

errors=$(mktemp)
trap 'rm -f -- "$errors"' EXIT

# Sets `state` to the state of the request, or to ABSENT.
look() {
  if state=$("${look[@]}" 2>"$errors"); then return; fi
  if ! grep -q NOT_FOUND "$errors"; then
    cat -- "$errors" >&2
    die "the state of $TPU_NAME cannot be read, for the reason above; run create.sh again"
  fi
  state=ABSENT
}

wait_for_it() {
  local before='' pause=$FIRST_PAUSE
  while :; do
    look
    if [[ $state != "$before" ]]; then say "$TPU_NAME is $state"; fi
    case $state in
      ACTIVE) return ;;
      FAILED | SUSPENDED)
        die "$TPU_NAME is $state and will not come back: run teardown.sh, then create.sh." \
          "The reason is shown by: $(quoted "${describe[@]}")"
        ;;
      DELETING | ABSENT) die "$TPU_NAME is deleted; when nothing is left of it, run create.sh again" ;;
    esac
    before=$state
    sleep "$pause"
    pause=$((pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE))
  done
}

look
if [[ $state == ABSENT ]]; then
  say "there is no $TPU_NAME yet: asking for $ACCELERATOR in $ZONE"
  "${create[@]}"
fi
wait_for_it
say "next: sync.sh"
