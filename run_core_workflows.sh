#!/usr/bin/env bash
# Runs the stages of fulfillment once, in order, with curl; continues after a failed one.
#
#   ./run_core_workflows.sh [--cycle NAME] [--limit N] [--dry-run]
#
# SWITCHYARD_URL   address of the functions: https://REGION-PROJECT.cloudfunctions.net; default: the laptop cloud (make up)
# SWITCHYARD_TOKEN identity token for deployed functions, from `gcloud auth print-identity-token`
#
# Exit status: 0 every stage worked, 1 a stage failed, 2 wrong usage or nothing to call.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

cycle="manual-$(date -u +%Y%m%dT%H%M%SZ)-$$" limit='' dry_run=''
while (($#)); do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --cycle) cycle=${2-}; shift ;;
    --limit) limit=${2-}; shift ;;
    --dry-run) dry_run=', "dry_run": true' ;;
    *) echo "run_core_workflows.sh: unknown option $1. See --help." >&2; exit 2 ;;
  esac
  shift
done
[[ $cycle =~ ^[A-Za-z0-9][A-Za-z0-9:._-]{0,79}$ ]] || { echo "--cycle takes letters, digits and :._- , at most 80" >&2; exit 2; }
[[ -z $limit || $limit =~ ^[1-9][0-9]{0,4}$ ]] || { echo "--limit takes a number from 1 to 10000" >&2; exit 2; }

# name, seconds and address of each stage, in order
stages=$(python3 - "$here" "${SWITCHYARD_URL-}" "${LOCAL_STATE_DIR:-.local}" <<'PYTHON'
import json, pathlib, sys
root, url, state_dir = pathlib.Path(sys.argv[1]), sys.argv[2].rstrip("/"), sys.argv[3]
stages = json.loads((root / "shared" / "pipeline.json").read_text())["stages"]
urls = {}
if not url:
    try:
        state = json.loads((root / state_dir / "state.json").read_text())
        urls = {name: part["url"] for name, part in state["parts"].items()}
    except (OSError, ValueError, KeyError, AttributeError):
        sys.exit("The laptop cloud is not running: start it with `make up`, or set SWITCHYARD_URL.")
for stage in stages:
    name = stage["name"]
    if not url and name not in urls:
        sys.exit(f"The laptop cloud does not run {name}: start what is missing with `make up`.")
    print(name, stage["timeout_seconds"], f"{url}/{name}" if url else urls[name])
PYTHON
) || exit 2

body="{\"cycle\": \"$cycle\"${limit:+, \"limit\": $limit}$dry_run}"
failed=0
while read -r name seconds url; do
  echo "== $name"
  headers=(-H 'Content-Type: application/json')
  [[ -n ${SWITCHYARD_TOKEN-} ]] && headers+=(-H "Authorization: Bearer $SWITCHYARD_TOKEN")
  if answer=$(curl --silent --show-error --fail-with-body --max-time "$((seconds + 10))" "${headers[@]}" --data "$body" "$url" </dev/null); then
    echo "$answer"
  else
    echo "${answer:-no answer}"
    echo "$name failed" >&2
    failed=1
  fi
done <<<"$stages"
exit $failed
