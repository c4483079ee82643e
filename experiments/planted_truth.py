"""Does each estimator recover a truth that was planted? Prints bias and coverage of all of them.

Each simulation draws data whose truth is known and runs the estimator as a user would. Shares and
means over simulations come with their Monte-Carlo error. All groups take about a quarter of an
hour of one processor core.

    python experiments/planted_truth.py --group agreement raters --simulations 50
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from autoqa.experiments.planted_truth import DECISIONS, STUDIES, decide, recover
from autoqa.experiments.planted_truth.tables import decision_table, recovery_table


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables of the chosen groups."""
    groups = sorted(STUDIES.keys() | DECISIONS.keys())
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--group", nargs="+", choices=groups, default=groups)
    parser.add_argument("--simulations", type=int, help="instead of each study's own number")
    given = parser.parse_args(arguments)
    estimates, decisions = [], []
    for group in given.group:
        for study in STUDIES.get(group, ()):
            print(f"{group}: {study.name}", file=sys.stderr)
            estimates.append((study, recover(study, given.simulations)))
        for made in DECISIONS.get(group, ()):
            print(f"{group}: {made.name}", file=sys.stderr)
            decisions.append((made, decide(made, given.simulations)))
    if estimates:
        print(recovery_table(estimates), end="\n\n")
    if decisions:
        print(decision_table(decisions))


if __name__ == "__main__":
    main()
