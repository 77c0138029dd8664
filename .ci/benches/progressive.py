"""From a failing version to restored weights, beside bash and curl in a loop."""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from measuring import into_page, released
from servers import Proxy, Version

# What a user would write instead: three failures in a row, then the weights, by bash's own TCP.
LOOP = r"""
failures=0
while sleep "$INTERVAL"; do
  if curl -fsS --max-time 10 -o /dev/null "$CANARY"; then failures=0; else failures=$((failures + 1)); fi
  [ "$failures" -ge 3 ] || continue
  for command in "set server shop/blue weight 100" "set server shop/green weight 0"; do
    exec 3<>"/dev/tcp/127.0.0.1/$API"; echo "$command" >&3; cat <&3; exec 3>&-
  done
  exit 1
done
"""

ROLLBACKS = 15
INTERVAL = 1.0


def rollback(proxy, green, command, environment, folder, turn):
    """From the deciding failure, and from the moment at which the version broke, to weights of 100 and 0: ms, s."""
    green.fails, green.failures = False, []
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    while proxy.weights() != (50, 50):
        if process.poll() is not None:
            sys.exit(f"{command[0]} ended with {process.returncode} before it moved anything")
        time.sleep(0.01)
    # Somewhere else between two looks every time.
    time.sleep(2.5 * INTERVAL + INTERVAL * turn / ROLLBACKS)
    broke = time.perf_counter()
    green.fails = True
    while proxy.weights() != (100, 0):
        time.sleep(0.001)
    restored = time.perf_counter()
    process.wait()
    if process.returncode != 1:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    decided = max(sent for sent in green.failures if sent < restored)
    return (restored - decided) * 1000, restored - broke


def plugin_environment(proxy, blue, green, turn, workspace):
    """A rollout that stays at half for as long as nothing fails."""
    settings = {"traffic": "haproxy", "haproxy_address": f"tcp://127.0.0.1:{proxy.api}", "haproxy_backend": "shop",
                "stable_server": "blue", "canary_server": "green",
                "canary_endpoint": f"http://127.0.0.1:{green.port}/",
                "baseline_endpoint": f"http://127.0.0.1:{blue.port}/", "finish": "stay", "stages": "50,100",
                "wait_time": "10m", "interval": f"{int(INTERVAL * 1000)}ms", "initial_delay": "0"}
    environment = {"CI": "woodpecker", "CI_REPO": "acme/shop", "CI_PIPELINE_NUMBER": str(turn),
                   "CI_COMMIT_SHA": f"{turn + 1:040x}", "CI_WORKSPACE": str(workspace)}
    return environment | {f"PLUGIN_{name.upper()}": value for name, value in settings.items()}


def shell_environment(proxy, green, path):
    return {"INTERVAL": str(INTERVAL), "API": str(proxy.api), "PATH": path,
            "CANARY": f"http://127.0.0.1:{green.port}/"}


def bench(write):
    plugin = released("plugin-progressive")
    blue, green = Version(), Version()
    blue.start()
    green.start()
    figures = {"plugin-progressive": [], "shell": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        proxy = Proxy(folder, blue, green)
        try:
            for turn in range(ROLLBACKS):
                ours = plugin_environment(proxy, blue, green, turn, folder)
                figures["plugin-progressive"].append(rollback(proxy, green, [str(plugin)], ours, folder, turn))
                proxy.set(50, 50)
                theirs = shell_environment(proxy, green, os.environ["PATH"])
                figures["shell"].append(rollback(proxy, green, ["bash", "-c", LOOP], theirs, folder, turn))
        finally:
            proxy.process.kill()
            proxy.process.wait()
    table = report_rollbacks(figures)
    print(table)
    if write:
        into_page("progressive", table)


def report_rollbacks(figures):
    columns = {name: list(zip(*runs)) for name, runs in figures.items()}
    rows = ["| a version that breaks at 50 % | plugin-progressive | bash and curl in a loop |", "|---|---|---|"]
    for place, name, digits in [(0, "the deciding answer to restored weights, ms", 1),
                                (1, f"the version breaks to restored weights, s, looking every {INTERVAL:.0f} s", 2)]:
        for word, figure in [("median", statistics.median), ("worst", max)]:
            cells = [f"{figure(columns[which][place]):.{digits}f}" for which in ("plugin-progressive", "shell")]
            rows.append(f"| {name}, {word} | {cells[0]} | {cells[1]} |")
    rows.append("")
    rows.append(f"{ROLLBACKS} rollbacks each, in turn, on {os.cpu_count()} cores, everything on loopback; both decide by "
                "three failures in a row. The plugin then reads the weights back, journals and records.")
    return "\n".join(rows)
