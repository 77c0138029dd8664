"""How often rules of deciding are wrong, by simulation; the page and its pictures are written by the simulation."""

import subprocess

from measuring import TOP


def bench(write):
    folder = ["plugins/progressive"] if write else []
    subprocess.run(["cargo", "run", "--release", "--quiet", "-p", "simulation", "--", *folder], cwd=TOP, check=True)
