#!/usr/bin/env bash
# Runs the stages of fulfillment once, in order, with curl; continues after a failed one. Prints one line for each stage.
#
#   ./run_core_workflows.sh [--cycle NAME] [--limit N] [--dry-run] [--json]
#
# --json prints the stages' whole answers, one JSON object on each line.
#
# SWITCHYARD_URL   address of the functions: https://REGION-PROJECT.cloudfunctions.net; default: the laptop cloud (make up)
# SWITCHYARD_TOKEN identity token for deployed functions, from `gcloud auth print-identity-token`
#
# Exit status: 0 every stage worked, 1 a stage failed or an order failed in one, 2 wrong usage or nothing to call.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() { sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

cycle="manual-$(date -u +%Y%m%dT%H%M%SZ)-$$" limit='' dry_run='' json=''
while (($#)); do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --cycle) cycle=${2-}; shift ;;
    --limit) limit=${2-}; shift ;;
    --dry-run) dry_run=', "dry_run": true' ;;
    --json) json=yes ;;
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

# the line of one answer; its status is 1 when an order failed
line=$(cat <<'PYTHON'
import json, sys
name, worked = sys.argv[1], sys.argv[2] == "yes"
try:
    answer = json.load(sys.stdin)
    found = answer if isinstance(answer, dict) else {}
except ValueError:
    found = {}
if not worked:
    said = "".join(c if c.isprintable() else " " for c in str(found.get("detail") or "no answer of the stage"))
    sys.exit(print(f"{name}: FAILED: {said}") or 1)
if "preview" in found:
    sys.exit(print(f"{name}: would handle {len(found['preview'])}"))
if isinstance(held := found.get("held"), dict):
    sys.exit(print(f"{name}: held until {held.get('retry_at')}: {held.get('reason')}"))
if found.get("skipped") == "already ran":
    sys.exit(print(f"{name}: already ran in this cycle"))
first = ("done", "failed", "left")
counts = {key: found.get(key, 0) for key in first}
counts |= {key: n for key, n in found.items() if type(n) is int and n and key not in first}
out_of_order = " (the stage before it had not finished)" if found.get("out_of_order") else ""
listed = ", ".join(f"{n} {key.replace('_', ' ')}" for key, n in counts.items())
print(f"{name}: {listed}{out_of_order}")
because = found.get("skipped_because")
for why, n in (because if isinstance(because, dict) else {}).items():
    print(f"  {n} skipped: {why}")
sys.exit(counts["failed"] > 0)
PYTHON
)

body="{\"cycle\": \"$cycle\"${limit:+, \"limit\": $limit}$dry_run}"
failed=0
while read -r name seconds url; do
  headers=(-H 'Content-Type: application/json')
  [[ -n ${SWITCHYARD_TOKEN-} ]] && headers+=(-H "Authorization: Bearer $SWITCHYARD_TOKEN")
  worked=yes
  answer=$(curl --silent --show-error --fail-with-body --max-time "$((seconds + 10))" "${headers[@]}" --data "$body" "$url" </dev/null) || worked=no
  summary=$(python3 -c "$line" "$name" "$worked" <<<"$answer") || failed=1
  if [[ -z $json ]]; then
    echo "$summary"
  else
    [[ $answer == \{* ]] && echo "$answer"
    [[ $worked == yes ]] || echo "$summary" >&2
  fi
done <<<"$stages"
exit $failed
