# shellcheck shell=bash
# What the five scripts share: the command line, the settings, and running or printing a command.
# In: the words of the command line and a settings file. Out: the settings as variables, all other words in WORDS.

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf '%s: bash 4.4 or newer is needed, this is %s\n' "${0##*/}" "$BASH_VERSION" >&2
  exit 1
fi

SCRIPTS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" >/dev/null && pwd)
SETTINGS=(PROJECT ZONE TPU_NAME ACCELERATOR RUNTIME BUCKET SPOT)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# One line that any POSIX shell reads back as exactly these words.
quoted() {
  local LC_ALL=C word line='' quote="'\\''"
  for word in "$@"; do
    if [[ -z $word || $word == *[!A-Za-z0-9_./:=@%+,-]* ]]; then
      word=${word//\'/"$quote"}
      word="'$word'"
    fi
    line+="${line:+ }$word"
  done
  printf '%s\n' "$line"
}

# Runs a command, or prints it under --dry-run.
run() {
  if [[ $DRY_RUN == yes ]]; then quoted "$@"; else "$@"; fi
}

# begin PURPOSE USAGE WORD...: reads the options that every script has, then the settings.
begin() {
  local purpose=$1 usage=$2 word
  shift 2
  DRY_RUN=no ENV_FILE=$SCRIPTS/env WORDS=()
  for word in "$@"; do
    case $word in
      --help | -h) help "$purpose" "$usage" ;;
      --dry-run) DRY_RUN=yes ;;
      --env=*) ENV_FILE=${word#--env=} ;;
      *) WORDS+=("$word") ;;
    esac
  done
  read_settings
  check_settings
  WHERE=("--project=$PROJECT" "--zone=$ZONE")
}

help() {
  printf '%s\n\nusage: tpu_scripts/%s %s\n\n' "$1" "${0##*/}" "$2"
  printf '  %-12s %s\n' \
    --dry-run 'print the commands instead of running them' \
    --env=FILE 'settings; default: tpu_scripts/env, made from tpu_scripts/env.example' \
    --help 'this text'
  exit 0
}

no_words() {
  if ((${#WORDS[@]})); then die "$(quoted "${WORDS[0]}"): not understood; --help lists the options"; fi
}

# The file is read as text and never run, so nothing in it can be a command.
read_settings() {
  local line name number=0
  for name in "${SETTINGS[@]}"; do printf -v "$name" %s ''; done
  [[ -f $ENV_FILE ]] || die "$ENV_FILE: there is no such file; copy tpu_scripts/env.example there and fill it in"
  while IFS= read -r line || [[ -n $line ]]; do
    number=$((number + 1))
    line=${line%$'\r'}
    if [[ -z ${line//[[:space:]]/} || $line == '#'* ]]; then continue; fi
    name=${line%%=*}
    if [[ $line != *=* || " ${SETTINGS[*]} " != *" $name "* ]]; then
      die "$ENV_FILE line $number: $(quoted "$name") is not a setting; they are ${SETTINGS[*]}, each as NAME=VALUE"
    fi
    printf -v "$name" %s "${line#*=}"
  done <"$ENV_FILE"
}

# need NAME PATTERN MEANING: a setting must be there and must match a pattern as a whole.
need() {
  local name=$1 value=${!1}
  [[ -n $value ]] || die "$ENV_FILE: $name is missing; it is $3"
  [[ $value =~ ^($2)$ ]] || die "$ENV_FILE: $name is $(quoted "$value"); it must be $3"
}

check_settings() {
  need PROJECT '([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]' 'the id of a Google Cloud project, such as my-project'
  need ZONE '[a-z]+-[a-z]+[0-9]+-[a-z0-9]+' 'a zone, such as us-central2-b'
  need TPU_NAME '[a-z]([a-z0-9-]{0,61}[a-z0-9])?' 'lower-case letters, digits and hyphens, a letter first'
  need ACCELERATOR '(v4|v5p|v5litepod|v6e)-[1-9][0-9]*' 'v4-N, v5p-N, v5litepod-N (that is v5e) or v6e-N'
  : "${RUNTIME:=$(runtime_of "$ACCELERATOR")}"
  need RUNTIME '[a-z0-9][a-z0-9.-]*' 'a TPU software version, or empty'
  need BUCKET 'gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*' \
    'gs://BUCKET or gs://BUCKET/FOLDER, no slash at the end'
  : "${SPOT:=no}"
  need SPOT 'yes|no' 'yes or no'
}

# The TPU software that Google names for a kind of accelerator.
runtime_of() {
  case $1 in
    v4-*) printf 'tpu-ubuntu2204-base' ;;
    v5litepod-*) printf 'v2-alpha-tpuv5-lite' ;;
    v5p-*) printf 'v2-alpha-tpuv5' ;;
    v6e-*) printf 'v2-alpha-tpuv6e' ;;
  esac
}

# on_workers SCRIPT WORD...: runs a script of the workers, a path in their home folder; each word arrives as it is.
on_workers() {
  run gcloud compute tpus tpu-vm ssh "$TPU_NAME" "${WHERE[@]}" --worker=all "--command=$(quoted bash "$@")"
}
