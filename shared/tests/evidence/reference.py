#!/usr/bin/env python3
"""Writes reference.csv: values of ln E from the definitions, with 60 digits and without logarithms of sums.

  ./reference.py > reference.csv

A line is a test, its own setting (allowed factor, limit, p_max), the icc, the steps, and ln E to 25 digits. A step is S, a
stage's beginning, or so many times one window: 30x100:3:900:5 is 30 windows in which 3 of 100 and 5 of 900 failed.
"""

import itertools
from decimal import Decimal, getcontext

getcontext().prec = 60
getcontext().Emax, getcontext().Emin = 10**17, -(10**17)

STAGE, HAZARD, HIGHEST = Decimal(0.5), Decimal(0.02), Decimal(0.99)
REGRESSION = [Decimal(k) for k in (1.5, 2, 3, 5, 10, 30, 100)]
LIMIT = [Decimal(k) for k in (2, 5, 10, 30, "inf")]
PROMOTE = [Decimal(k) for k in (0.1, 0.25, 0.5)]


def regression(window, allowed, icc):
    n_c, x_c, n_b, x_b = window
    if n_c == 0 or n_b == 0:
        return None
    phi = 1 + 2 * icc * n_c * n_b / (n_c + n_b)
    theta = lambda rho: rho * n_c / (rho * n_c + n_b)
    null = theta(allowed)
    ratios = []
    for k in REGRESSION:
        bet = theta(k * allowed)
        ratios.append(((x_c * (bet / null).ln() + x_b * ((1 - bet) / (1 - null)).ln()) / phi).exp())
    return ratios


def one_sample(window, null, bets, phi):
    n, x = window
    return [((x * (q / null).ln() + (n - x) * ((1 - q) / (1 - null)).ln()) / phi).exp() for q in bets]


def limit(window, p_0, icc):
    if window[0] == 0:
        return None
    return one_sample(window, p_0, [min(p_0 * k, HIGHEST) for k in LIMIT], 1 + 2 * icc * window[0])


def promote(window, p_max, icc):
    phi = 1 + icc * max(window[0] - 1, Decimal(0))
    return one_sample(window, p_max, [p_max * part for part in PROMOTE], phi)


def ln_e(test, setting, icc, steps):
    """By the mixture's definition: what each part of the mass, laid when it was, has become."""
    begins = test is not promote
    size = {regression: 7, limit: 5, promote: 3}[test]
    share = STAGE if begins else Decimal(1)
    bets, rest, count = [share] * size, 1 - share, 0
    for step in steps:
        if step == "S":
            laid, rest = rest * STAGE, rest * (1 - STAGE)
            bets = [bet + laid for bet in bets]
            continue
        times, window = step
        ratios = test([Decimal(part) for part in window], setting, icc)
        for _ in range(times if ratios else 0):
            count += 1
            if begins:
                hazard = min(HAZARD, Decimal(1) / count)
                laid, rest = rest * hazard, rest * (1 - hazard)
                bets = [bet + laid for bet in bets]
            bets = [bet * ratio for bet, ratio in zip(bets, ratios)]
    return (sum(bets) / size + rest).ln()


def show(step):
    return step if step == "S" else f"{step[0]}x" + ":".join(str(part) for part in step[1])


def line(test, setting, icc, steps):
    value = ln_e(test, Decimal(setting), Decimal(icc), steps)
    shown = " ".join(show(step) for step in steps)
    print(f"{test.__name__},{setting!r},{icc!r},{shown},{value:.25e}")


E9 = 10**9
PAIRS = [
    [(1, (10, 10, 90, 0))],
    [(1, (1, 0, 1, 0))],
    [(1, (1, 1, 1, 0)), (1, (1, 0, 1, 1))],
    [(40, (100, 1, 900, 4)), "S", (40, (250, 1, 750, 4)), "S", (30, (500, 25, 500, 2))],
    [(3, (100, 60, 900, 540)), (3, (100, 0, 900, 0)), (3, (0, 0, 1000, 3)), (3, (12, 3, 0, 0))],
    [(3000, (10, 0, 90, 1)), (20, (10, 3, 90, 1))],
    [(9000, (100, 0, 900, 5)), (1, (100, 100, 900, 5))],
    [(1, (E9, 5_000_000, E9, 5_000_000))],
    [(1, (E9, E9, E9, 0))],
    [(1, (E9, 0, E9, E9))],
    [(1, (1, 1, E9, 1))],
    [(1, (E9, 1, 1, 1))],
    [(5, (E9, 10_000, 9 * E9 // 10, 8000))],
    [(2000, (1_000_000, 12, 9_000_000, 90))],
    # Close to where an alternative's bet neither wins nor loses.
    [(1, (3000, 1500, 3000, 1063))],
    [(1, (10**6, 58_496, 10**6, 41_504))],
    [(7, (123_456, 617, 1_111_104, 5_203)), "S", (7, (123_456, 1_217, 1_111_104, 5_203))],
]
SINGLES = [
    [(1, (0, 0))],
    [(1, (1, 0))],
    [(1, (1, 1))],
    [(1, (299, 0))],
    [(1, (60, 20)), "S", (10, (60, 0))],
    [(4000, (100, 0)), "S", (10, (100, 60))],
    [(2000, (1_000_000, 1000))],
    [(1, (E9, 0))],
    [(1, (E9, 1))],
    [(1, (E9, 5_000_000))],
    [(1, (E9, E9))],
    [(50, (997, 5)), (50, (997, 11)), "S", (50, (997, 3))],
]


def main():
    print("test,setting,icc,steps,ln_e")
    for setting, icc, steps in itertools.product((1.0, 1.5, 7.0), (0.0, 0.02, 1.0), PAIRS):
        line(regression, setting, icc, steps)
    for setting, icc, steps in itertools.product((1e-9, 1e-4, 0.01, 0.3, 0.98), (0.0, 0.02, 1.0), SINGLES):
        line(limit, setting, icc, steps)
    for setting, icc, steps in itertools.product((1e-9, 1e-4, 0.01, 0.3, 0.99), (0.0, 0.02, 1.0), SINGLES):
        line(promote, setting, icc, [step for step in steps if step != "S"])


main()
