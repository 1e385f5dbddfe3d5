"""What the doctor found, for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from pi_voice import __version__
from pi_voice.doctor.findings import Finding, Level, exit_code, worst

SHAPE = 1  # grows when a key changes its meaning; new keys may come at any time
TITLES = {
    "configuration": "Configuration",
    "sound": "Sound",
    "access": "Users, pins and lights",
    "clock": "Clock",
    "network": "Network",
    "board": "Board",
    "unit": "Service",
}
SIGNS = {Level.OK: "ok", Level.NOTE: "note", Level.WARNING: "warning", Level.FAILURE: "FAILURE"}
WIDTH = max(map(len, SIGNS.values()))
PLURALS = ((Level.FAILURE, "failure"), (Level.WARNING, "warning"), (Level.NOTE, "note"))


def as_json(findings: Sequence[Finding]) -> str:
    told = {
        "shape": SHAPE,
        "version": __version__,
        "worst": worst(findings),
        "exit_code": exit_code(findings),
        "findings": [finding.to_json() for finding in findings],
    }
    return json.dumps(told, ensure_ascii=False, indent=2)


def lines(findings: Sequence[Finding], *, everything: bool = False) -> Iterator[str]:
    """The findings in groups, each with its repair.

    Args:
        findings: In the order of the groups.
        everything: Also what is fine, which otherwise is only counted.
    """
    shown = [f for f in findings if everything or f.level is not Level.OK]
    for group, inside in groupby(shown, key=lambda finding: finding.group):
        yield TITLES.get(group, group)
        for finding in inside:
            yield f"  {SIGNS[finding.level]:{WIDTH}}  {finding.what}"
            if finding.fix:
                yield f"  {'':{WIDTH}}  -> {finding.fix}"
        yield ""
    yield _summary(findings)


def _summary(findings: Sequence[Finding]) -> str:
    levels = [finding.level for finding in findings]
    counts = ((levels.count(level), word) for level, word in PLURALS)
    bad = [f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count]
    fine = levels.count(Level.OK)
    checks = "1 check is" if fine == 1 else f"{fine} checks are"
    return f"{', '.join(bad) or 'Nothing is wrong'}; {checks} fine."
