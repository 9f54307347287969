#!/usr/bin/env bash
# Deletes the queued resource and its TPU VM with everything on its disks. What lies in the bucket stays.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

begin 'Deletes the TPU and its queued resource, then lists what the zone still holds. gcloud asks before it deletes.' \
  '[--dry-run] [--env=FILE]' "$@"
no_words

run gcloud compute tpus queued-resources delete "$TPU_NAME" "${WHERE[@]}" --force
run gcloud compute tpus queued-resources list "${WHERE[@]}"
if [[ $DRY_RUN == no ]]; then say "$TPU_NAME is deleted; $BUCKET is kept, and billed, until you delete it"; fi
