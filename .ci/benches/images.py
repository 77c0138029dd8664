"""The images: sizes, starts, and the memory of a plugin's work, beside an image that does the same by a script.

Every program runs in the root folder of its image, without the container's runtime, which costs all of them the same.
"""

import contextlib
import json
import os
import pathlib
import shutil
import stat
import statistics
import subprocess
import sys
import tempfile
import time

import health
import progressive
from measuring import TOP, into_page, peak_memory, peak_of, timed
from servers import Postgres, Proxy, Service, Version

STARTS = 15
WORKS = 5

SCRIPT_IMAGE = "localhost/bench-script:latest"
SCRIPT_IMAGE_OF = """
FROM docker.io/library/debian:bookworm-slim
RUN apt-get update -q \\
    && apt-get install -qy --no-install-recommends bash ca-certificates curl git jq postgresql-client \\
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*
"""

# Each program is loaded once, as a script of this kind does at least.
SCRIPT_START = "curl --version && jq --version && psql --version && git --version"

# What a user would write instead: the branch goes back from exactly the bad commit, and that is recorded.
GO_BACK = r"""
set -euo pipefail
git clone -q --bare "$REMOTE" /tmp/clone.git
git -C /tmp/clone.git push -q --force-with-lease="main:$BAD" origin "$GOOD:refs/heads/main"
rm -rf /tmp/clone.git
psql -qX "$DATABASE_URL" -v ON_ERROR_STOP=1 -v bad="$BAD" -v good="$GOOD" <<'SQL'
INSERT INTO deployments (deployment_id, commit_sha, status, rollback_from_commit)
VALUES ('bench-' || clock_timestamp(), :'good', 'success', :'bad');
SQL
"""


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, text=True, stdout=subprocess.PIPE,
                          **options).stdout.strip()


class Image:
    """An image, its root folder, and how its program is started there."""

    def __init__(self, name, start, folder, open_roots):
        self.name = name
        container = run("buildah", "from", "--pull=never", name)
        open_roots.callback(run, "buildah", "rm", container)
        self.root = pathlib.Path(run("buildah", "mount", container))
        open_roots.callback(run, "buildah", "umount", container)
        self.compressed = compressed(name, folder)
        self.unpacked = unpacked(self.root)
        # What the runtime would mount.
        (self.root / "work").mkdir()
        (self.root / "dev").mkdir(exist_ok=True)
        if not (self.root / "dev/null").exists():
            os.mknod(self.root / "dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        self.cold, self.warm = starts(self.inside(*start), self.root)

    def inside(self, *command):
        return ["/usr/sbin/chroot", str(self.root), *command]


def compressed(name, folder):
    """What a registry would keep and a machine would fetch, in MB: the layers, by gzip."""
    place = folder / "pushed"
    run("buildah", "push", "--quiet", name, f"oci:{place}:it", stderr=subprocess.DEVNULL)
    blob = lambda digest: place / "blobs" / digest.replace(":", "/")
    [entry] = json.loads((place / "index.json").read_text())["manifests"]
    layers = json.loads(blob(entry["digest"]).read_text())["layers"]
    if any(not layer["mediaType"].endswith("gzip") for layer in layers):
        sys.exit(f"a layer of {name} was pushed without gzip: {layers}")
    shutil.rmtree(place)
    return sum(layer["size"] for layer in layers) / 1e6


def files(root):
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode):
                yield path, status


def unpacked(root):
    """The files' sizes, in MB; what has several names counts once."""
    return sum({(status.st_dev, status.st_ino): status.st_size for _, status in files(root)}.values()) / 1e6


def forget(root):
    """Takes the image's files out of the page cache, and says whether they are gone: nearly, since what a neighbour
    that is made of the same base is running stays."""
    os.sync()
    paths = []
    for path, _ in files(root):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        paths.append(path)
    kept = run("xargs", "-0", "fincore", "--bytes", "--noheadings", "--output", "RES", input="\0".join(paths))
    return sum(int(size) for size in kept.split()) < 0.02 * unpacked(root) * 1e6


def starts(command, root):
    """Medians, in ms: with nothing of the image in memory (nothing where the kernel keeps it), and with all of it."""
    cold, warm = [], []
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"})
    for _ in range(STARTS):
        forgotten = forget(root)
        for taken in (cold, warm):
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"})
            if taken is warm or forgotten:
                taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(cold) if len(cold) == STARTS else None, statistics.median(warm)


def checks(images, script, folder, postgres):
    """One check with a database write: the peak memory of the plugin and of the script, in MiB."""
    service = Service()
    service.start()
    plugin = images["plugin-health"]
    ours = health.plugin_environment(service, postgres, "/work")
    theirs = health.shell_environment(service, postgres, "/usr/bin:/bin")
    return [statistics.median(peak_memory(command, environment, folder) for _ in range(WORKS))
            for command, environment in [(plugin.inside("/bin/plugin-health"), ours),
                                         (script.inside("bash", "-c", health.SHELL), theirs)]]


def rollouts(images, script, folder):
    """From a failing version to restored weights, likewise."""
    blue, green = Version(), Version()
    blue.start()
    green.start()
    proxy = Proxy(folder, blue, green)
    plugin = images["plugin-progressive"]
    theirs = progressive.shell_environment(proxy, green, "/usr/bin:/bin")
    peaks = ([], [])

    def once(command, environment, turn):
        progressive.rollback(proxy, green, timed(command, folder / "peak"), environment, folder, turn)
        return peak_of(folder / "peak")

    try:
        for turn in range(WORKS):
            ours = progressive.plugin_environment(proxy, blue, green, turn, "/work")
            peaks[0].append(once(plugin.inside("/bin/plugin-progressive"), ours, turn))
            proxy.set(50, 50)
            peaks[1].append(once(script.inside("bash", "-c", progressive.LOOP), theirs, turn))
    finally:
        proxy.process.kill()
        proxy.process.wait()
    return [statistics.median(peak) for peak in peaks]


def rollbacks(images, script, folder, postgres):
    """A branch that goes back, and is recorded, likewise."""
    peaks = []
    plugin = images["plugin-rollback"]
    for image, command in [(plugin, ["/bin/plugin-rollback"]), (script, ["bash", "-c", GO_BACK])]:
        good, each = repository(image.root / "srv/shop.git")
        runs = []
        for turn, bad in enumerate(each):
            git(image.root / "srv/shop.git", "update-ref", "refs/heads/main", bad)
            settings = {"force": "true", "strategy": "reset", "commit": bad, "previous_commit": good,
                        "database_url": postgres.url}
            environment = {
                "CI": "woodpecker", "CI_REPO": "acme/shop", "CI_PIPELINE_NUMBER": str(100 + turn),
                "CI_COMMIT_SHA": bad, "CI_COMMIT_BRANCH": "main", "CI_PIPELINE_STATUS": "failure",
                "CI_WORKSPACE": "/work", "CI_REPO_CLONE_URL": "file:///srv/shop.git", "REMOTE": "file:///srv/shop.git",
                "GOOD": good, "BAD": bad, "DATABASE_URL": postgres.url.split("?")[0], "PATH": "/usr/bin:/bin",
            } | {f"PLUGIN_{name.upper()}": value for name, value in settings.items()}
            runs.append(peak_memory(image.inside(*command), environment, folder))
            if git(image.root / "srv/shop.git", "rev-parse", "main") != good:
                sys.exit(f"{image.name} did not take the branch back")
        peaks.append(statistics.median(runs))
    return peaks


def git(place, *arguments):
    return run("git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-C", place, *arguments)


def repository(place):
    """A repository with a good commit and some bad ones after it: their names."""
    place.mkdir(parents=True)
    git(place, "init", "--quiet", "--bare", "--initial-branch=main")
    good = git(place, "commit-tree", "-m", "good", git(place, "hash-object", "-t", "tree", "-w", "/dev/null"))
    shoes = run("git", "-C", place, "hash-object", "-w", "--stdin", input="shoes\n")
    tree = run("git", "-C", place, "mktree", input=f"100644 blob {shoes}\tshop.txt\n")
    return good, [git(place, "commit-tree", "-m", f"bad {turn}", "-p", good, tree) for turn in range(WORKS)]


def bench(write):
    version = run("cargo", "pkgid", "-p", "shared", cwd=TOP).rsplit("#", 1)[1].rsplit("@", 1)[-1]
    names = ["plugin-health", "plugin-progressive", "plugin-rollback"]
    with contextlib.ExitStack() as open_roots:
        folder = pathlib.Path(open_roots.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        (folder / "context").mkdir()
        run("buildah", "bud", "--quiet", "--layers", "--pull=never", "--isolation", "chroot", "--tag", SCRIPT_IMAGE,
            "--file", "-", folder / "context", input=SCRIPT_IMAGE_OF)
        script = Image(SCRIPT_IMAGE, ["bash", "-c", SCRIPT_START], folder, open_roots)
        images = {name: Image(f"localhost/{name}:{version}", [f"/bin/{name}", "--version"], folder, open_roots)
                  for name in names}
        (folder / "database").mkdir()
        postgres = Postgres(folder / "database")
        open_roots.callback(postgres.stop)
        memory = {"one check": checks(images, script, folder, postgres),
                  "one rollout that goes back": rollouts(images, script, folder),
                  "one rollback": rollbacks(images, script, folder, postgres)}
        table = report(images, script, memory)
    print(table)
    if write:
        into_page("images", table)


def report(images, script, memory):
    def row(name, figure):
        cells = [(figure(image), figure(script)) for image in images.values()]
        if any(None in cell for cell in cells):
            return f"| {name} | not measured: the kernel keeps files in memory | | | |"
        words = [f"{mine:.1f} ({mine / other:.2f})" for mine, other in cells]
        return f"| {name} | {' | '.join(words)} | {cells[0][1]:.1f} |"

    rows = [f"| | {' | '.join(images)} | bash, curl, jq, psql, git on Debian slim |", "|---|---|---|---|---|",
            row("unpacked, MB", lambda image: image.unpacked),
            row("compressed, MB", lambda image: image.compressed)]
    binaries = [(image.root / "bin" / name).stat().st_size / 1e6 for name, image in images.items()]
    rows.append(f"| the binary in it, MB | {' | '.join(f'{size:.1f}' for size in binaries)} | |")
    rows.append(row("cold start, ms", lambda image: image.cold))
    rows.append(row("warm start, ms", lambda image: image.warm))
    for place, (name, (mine, other)) in enumerate(memory.items()):
        cells = ["", "", ""]
        cells[place] = f"{mine:.1f} ({mine / other:.2f})"
        rows.append(f"| peak memory of {name}, MiB | {' | '.join(cells)} | {other:.1f} |")
    rows.append("")
    rows.append(f"In brackets: as a part of the script's. Medians of {STARTS} starts and {WORKS} runs on {os.cpu_count()} "
                "cores. A start is `--version` of the plugin, and of each program that the script is made of; it is cold "
                "when nothing of the image is in the page cache.")
    return "\n".join(rows)
