"""The pi-voice command: what may be typed, and how a fault is told."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pi_voice import __version__, verbs
from pi_voice.errors import PiVoiceError
from pi_voice.verbs import CONFIG

MODES = ("push_to_talk", "voice", "toggle")
ALL_MODES = (*MODES, "server", "semantic")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; an operator's mistake ends in one sentence and an exit code."""
    options = _parser().parse_args(argv)
    verb: Callable[[argparse.Namespace], int] = options.verb
    try:
        return verb(options)
    except PiVoiceError as error:
        sys.stderr.write(f"pi-voice: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our words has heard enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


class _Parser(argparse.ArgumentParser):
    """Refuses by itself what it does not know: with the usage of the verb, not of all verbs."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pi-voice", description="A realtime voice device on a Raspberry Pi.")
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(required=True, metavar="VERB")
    where = _where()

    run = subparsers.add_parser(
        "run", parents=[where], help="be the voice device; the service does this"
    )
    run.set_defaults(verb=verbs.run)

    _add_demo(subparsers)

    serve = subparsers.add_parser("serve", help="be a realtime service that repeats what it hears")
    serve.add_argument("--port", type=_port, default=8765, metavar="N", help="instead of 8765")
    serve.set_defaults(verb=verbs.serve)

    _add_hardware(subparsers, where)

    config = subparsers.add_parser(
        "config", parents=[where], help="check or show the configuration"
    )
    config.add_argument("what", choices=("check", "show"))
    config.add_argument(
        "--service", action="store_true", help="check: try the service with the key and settings"
    )
    config.set_defaults(verb=verbs.config)
    _add_simulate(subparsers)
    _add_remote(subparsers, where)
    _add_doctor(subparsers, where)
    return parser


def _where() -> _Parser:
    """What most verbs take."""
    where = _Parser(add_help=False)
    where.add_argument("--config", type=Path, metavar="FILE", help=f"instead of {CONFIG}")
    return where


def _add_hardware(subparsers: argparse._SubParsersAction[_Parser], where: _Parser) -> None:
    devices = subparsers.add_parser(
        "devices", help="list sound cards and what to write to get them"
    )
    devices.set_defaults(verb=verbs.devices)

    calibrate = subparsers.add_parser(
        "calibrate", parents=[where], help="hear the speaker, and propose [audio] echo"
    )
    calibrate.set_defaults(verb=verbs.calibrate)

    lights = subparsers.add_parser(
        "lights", parents=[where], help="turn off what a killed process left on"
    )
    lights.add_argument("what", choices=("off",))
    lights.set_defaults(verb=verbs.lights)


def _add_simulate(subparsers: argparse._SubParsersAction[_Parser]) -> None:
    said = "let a simulated box live through a day of faults, faster than it passes"
    simulate = subparsers.add_parser("simulate", help=said)
    hours, speed = (
        "simulated time, instead of 24",
        "at most so many times real time, instead of as fast as possible (0)",
    )
    simulate.add_argument("--hours", type=_positive, default=24.0, metavar="H", help=hours)
    simulate.add_argument("--speed", type=_speed, default=math.inf, metavar="X", help=speed)
    dice = "the same seed is the same story"
    simulate.add_argument("--seed", type=int, default=1, metavar="S", help=dice)
    which = "all, none, or names with commas between them; a wrong one lists them"
    simulate.add_argument("--faults", default="all", metavar="NAMES", help=which)
    simulate.add_argument("--json", type=Path, metavar="FILE", help="write the outcome there, too")
    how = "how people talk to it, as in [activation] mode; push_to_talk by default"
    simulate.add_argument("--mode", choices=ALL_MODES, default=ALL_MODES[0], help=how)
    simulate.set_defaults(verb=verbs.simulate)


def _add_doctor(subparsers: argparse._SubParsersAction[_Parser], where: _Parser) -> None:
    what = _Parser(add_help=False, parents=[where])
    what.add_argument("--offline", action="store_true", help="leave the network alone")

    said = "find what is wrong, each with the command that repairs it"
    more = (
        "Opens the microphone for half a second, unless it is muted or in use, and one session "
        "with the service. Exit code: 0 all is fine, perhaps with notes; 1 a warning; 2 a failure."
    )
    doctor = subparsers.add_parser("doctor", parents=[what], help=said, description=more)
    doctor.add_argument("--json", action="store_true", help="as one JSON object")
    doctor.add_argument("--all", action="store_true", help="show also what is fine")
    doctor.set_defaults(verb=verbs.doctor)

    report = subparsers.add_parser(
        "report", parents=[what], help="write a file for whoever helps you"
    )
    report.add_argument("--out", type=Path, metavar="FILE", help="instead of one in this folder")
    report.set_defaults(verb=verbs.report)


def _add_remote(subparsers: argparse._SubParsersAction[_Parser], where: _Parser) -> None:
    status = subparsers.add_parser("status", parents=[where], help="how things stand at the box")
    status.add_argument("--json", action="store_true", help="as one JSON object")
    status.set_defaults(verb=verbs.status)

    mute = subparsers.add_parser("mute", parents=[where], help="close the microphone")
    mute.add_argument("--verify", action="store_true", help="show that nobody holds it open")
    mute.set_defaults(verb=verbs.mute)

    for word, what in (("unmute", "end the mute"), ("interrupt", "silence the box")):
        subparsers.add_parser(word, parents=[where], help=what).set_defaults(
            verb=verbs.wish, word=word
        )

    say = subparsers.add_parser("say", parents=[where], help="let the box speak a text")
    say.add_argument("text", nargs="+", metavar="TEXT")
    say.set_defaults(verb=verbs.wish, word="say")

    logs = subparsers.add_parser("logs", parents=[where], help="the last lines of the box's log")
    logs.add_argument("-n", type=_count, default=50, metavar="N", help="instead of the last 50")
    logs.add_argument(
        "--last-run", action="store_true", help="of the run that ended by a fault of its own"
    )
    logs.set_defaults(verb=verbs.logs)


def _add_demo(subparsers: argparse._SubParsersAction[_Parser]) -> None:
    demo = subparsers.add_parser("demo", help="hold a conversation without any hardware")
    said = "say this, in a turn of its own; may be given again"
    demo.add_argument("--wav", type=Path, action="append", default=[], metavar="IN.wav", help=said)
    out = Path("demo-reply.wav")
    heard = f"where what the speaker played is written, instead of {out}"
    demo.add_argument("--out", type=Path, default=out, metavar="OUT.wav", help=heard)
    demo.add_argument("--activation", choices=MODES, default=MODES[0], help="how to talk")
    only = "print the outcome as one JSON object; the story goes to stderr"
    demo.add_argument("--json", action="store_true", help=only)
    demo.set_defaults(verb=verbs.demo)


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to 65535")


def _count(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")


def _speed(text: str) -> float:
    return math.inf if text in ("0", "max") else _positive(text)


if __name__ == "__main__":
    sys.exit(main())
