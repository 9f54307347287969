#!/usr/bin/env bash
# Copies the files that git tracks, as they stand here, to every worker. Out: ~/jaxmlda/source with its GIT_SHA.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Names are given from the root of the repository, where build/ is not tracked.
PARCEL=build/tpu/jaxmlda-parcel
LIST=build/tpu/tracked

begin "Copies the tracked files, with changes that are not committed, to all workers, in place of those there." \
  '[--dry-run] [--env=FILE]' "$@"
no_words
cd -- "$SCRIPTS/.."

# The tracked files that exist, one NUL behind each name: a name may hold spaces and line feeds.
tracked() {
  local name
  while IFS= read -r -d '' name; do
    if [[ -e $name || -L $name ]]; then printf '%s\0' "$name"; fi
  done < <(git ls-files -z)
}

# The commit, marked where the files differ from it.
version() {
  local sha
  sha=$(git rev-parse HEAD) || die "this folder is no git repository with a commit; sync.sh sends what git tracks"
  if ! git diff --quiet HEAD --; then sha+=-changed; fi
  printf '%s\n' "$sha"
}

if [[ $DRY_RUN == no ]]; then
  mkdir -p -- "$PARCEL"
  version >"$PARCEL/GIT_SHA"
  tracked >"$LIST"
  cp -- tpu_scripts/worker.sh "$PARCEL/worker.sh"
fi
run tar --create --gzip "--file=$PARCEL/source.tgz" --no-recursion --null "--files-from=$LIST"
run gcloud compute tpus tpu-vm scp "$PARCEL" "$TPU_NAME:" "${WHERE[@]}" --worker=all --recurse
on_workers jaxmlda-parcel/worker.sh unpack
if [[ $DRY_RUN == no ]]; then say "$(<"$PARCEL/GIT_SHA") is on all workers of $TPU_NAME; next: setup.sh"; fi
