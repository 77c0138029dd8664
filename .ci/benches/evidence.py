"""What one update of the evidence costs."""

import subprocess

from measuring import TOP, into_page


def bench(write):
    command = ["cargo", "run", "--quiet", "--release", "-p", "shared", "--example", "evidence-speed"]
    table = subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True).stdout.rstrip()
    print(table)
    if write:
        into_page("evidence", table, "plugins/progressive/evidence.md")
