"""What a run costs, and where the figures go."""

import json
import os
import pathlib
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent


def released(name):
    """The release binary of a plugin, built if need be."""
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", name], cwd=TOP, check=True)
    target = json.loads(subprocess.run(["cargo", "metadata", "--format-version=1", "--no-deps"], cwd=TOP, check=True,
                                       capture_output=True).stdout)["target_directory"]
    return pathlib.Path(target) / "release" / name


def measure(service, command, environment, folder):
    """Wall and CPU time of one run, and the time to the first byte sent, in milliseconds."""
    service.first_byte = None
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    # wait4 counts the children that were waited for, too: the shell's own curl, jq and psql are in its CPU.
    cpu = usage.ru_utime + usage.ru_stime
    return wall * 1000, cpu * 1000, (service.first_byte - began) * 1000


def peak_memory(command, environment, folder):
    """The largest resident set of a run or of any of its children, in MiB."""
    done = subprocess.run(timed(command, folder / "peak"), env=environment, cwd=folder, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return peak_of(folder / "peak")


def timed(command, file):
    """The same command, by time(1), which leaves its peak memory in a file.

    A child of this very process would count this process's own memory, which it shares until it starts.
    """
    return ["/usr/bin/time", "--quiet", "-f", "%M", "-o", str(file), *command]


def peak_of(file):
    return int(file.read_text()) / 1024


def into_page(name, table, page="README.md"):
    """Puts the table between the marks that a page has for it."""
    path = TOP / page
    text = path.read_text()
    begin, end = f"<!-- bench:{name}:begin -->", f"<!-- bench:{name}:end -->"
    before, rest = text.split(begin)
    _, after = rest.split(end)
    path.write_text(f"{before}{begin}\n{table}\n{end}{after}")
