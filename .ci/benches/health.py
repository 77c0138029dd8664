"""One check with a database write, beside bash, curl, jq and psql."""

import os
import pathlib
import statistics
import tempfile

from measuring import into_page, measure, peak_memory, released
from servers import Postgres, Service

RUNS = 40

SHELL = r"""
set -euo pipefail
body=$(curl -fsS --max-time 10 -w '\n%{time_total}' "$ENDPOINT")
seconds=${body##*$'\n'}
json=${body%$'\n'*}
status=$(jq -r '.status' <<<"$json")
error_rate=$(jq -r '.error_rate' <<<"$json")
availability=$(jq -r '.availability' <<<"$json")
millis=$(jq -n --arg s "$seconds" '($s | tonumber) * 1000 | round')
ok=$(jq '.error_rate <= 5 and .availability >= 99 and .status != "unhealthy"' <<<"$json")
[ "$ok" = true ] && [ "$millis" -le 2000 ] && health=healthy || health=unhealthy
psql -qX "$DATABASE_URL" -v ON_ERROR_STOP=1 -v id=bench -v health="$health" -v ms="$millis" -v er="$error_rate" \
  -v av="$availability" -v endpoint="$ENDPOINT" <<'SQL'
INSERT INTO health_checks (deployment_id, health_status, response_time_ms, error_rate, availability, endpoint)
VALUES (:'id', :'health', :ms, :er, :av, :'endpoint');
SQL
[ "$health" = healthy ]
"""


def plugin_environment(service, postgres, workspace):
    return {"PLUGIN_ENDPOINT": f"http://127.0.0.1:{service.port}/health", "PLUGIN_DATABASE_URL": postgres.url,
            "CI_REPO": "acme/shop", "CI_PIPELINE_NUMBER": "8", "CI_WORKSPACE": str(workspace), "CI": "woodpecker"}


def shell_environment(service, postgres, path):
    return {"ENDPOINT": f"http://127.0.0.1:{service.port}/health", "DATABASE_URL": postgres.url.split("?")[0],
            "PATH": path}


def bench(write):
    plugin = released("plugin-health")
    service = Service()
    service.start()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        postgres = Postgres(folder)
        try:
            ours = plugin_environment(service, postgres, folder / "work")
            theirs = shell_environment(service, postgres, os.environ["PATH"])
            (folder / "work").mkdir()
            contestants = {"plugin-health": ([str(plugin)], ours), "shell": (["bash", "-c", SHELL], theirs)}
            figures = {name: [] for name in contestants}
            for turn in range(RUNS + 3):
                for name, (command, environment) in contestants.items():
                    run = measure(service, command, environment, folder / "work")
                    # The first three warm the caches, and ours makes the tables.
                    if turn >= 3:
                        figures[name].append((*run, peak_memory(command, environment, folder / "work")))
        finally:
            postgres.stop()
    table = report(figures)
    print(table)
    if write:
        into_page("health", table)


def report(figures):
    ours, theirs = ([statistics.median(column) for column in zip(*figures[name])] for name in ("plugin-health", "shell"))
    rows = ["| one check with a database write | plugin-health | bash, curl, jq, psql | ratio |", "|---|---|---|---|"]
    names = ["wall, ms", "CPU, ms", "start to the request's first byte, ms", "peak memory, MiB"]
    for name, mine, other in zip(names, ours, theirs):
        rows.append(f"| {name} | {mine:.1f} | {other:.1f} | {mine / other:.2f} |")
    rows.append("")
    rows.append(f"Medians of {RUNS} runs in turn on {os.cpu_count()} cores, everything on loopback.")
    return "\n".join(rows)
