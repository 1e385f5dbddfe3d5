"""The pi-voice command. Imports what a verb needs when the verb is used: a Zero 2 W is slow."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pi_voice import __version__
from pi_voice.errors import ConfigError, PiVoiceError, UsageError

if TYPE_CHECKING:
    from pi_voice import remote
    from pi_voice.config import Settings

CONFIG = Path("/etc/pi-voice/config.toml")
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
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    run = verbs.add_parser("run", help="be the voice device; the service does this")
    run.add_argument("--config", type=Path, metavar="FILE", help=f"instead of {CONFIG}")
    run.set_defaults(verb=_run)

    _add_demo(verbs)

    serve = verbs.add_parser("serve", help="be a realtime service that repeats what it hears")
    serve.add_argument("--port", type=_port, default=8765, metavar="N", help="instead of 8765")
    serve.set_defaults(verb=_serve)

    devices = verbs.add_parser("devices", help="list sound cards and what to write to get them")
    devices.set_defaults(verb=_devices)

    calibrate = verbs.add_parser("calibrate", help="hear the speaker, and propose [audio] echo")
    calibrate.add_argument("--config", type=Path, metavar="FILE", help=f"instead of {CONFIG}")
    calibrate.set_defaults(verb=_calibrate)

    lights = verbs.add_parser("lights", help="turn off what a killed process left on")
    lights.add_argument("what", choices=("off",))
    lights.add_argument("--config", type=Path, metavar="FILE", help=f"instead of {CONFIG}")
    lights.set_defaults(verb=_lights)

    config = verbs.add_parser("config", help="check or show the configuration")
    config.add_argument("what", choices=("check", "show"))
    config.add_argument("--config", type=Path, metavar="FILE", help=f"instead of {CONFIG}")
    config.add_argument(
        "--service", action="store_true", help="check: try the service with the key and settings"
    )
    config.set_defaults(verb=_config)
    _add_simulate(verbs)
    _add_remote(verbs)
    _add_doctor(verbs)
    return parser


def _add_simulate(verbs: argparse._SubParsersAction[_Parser]) -> None:
    said = "let a simulated box live through a day of faults, faster than it passes"
    simulate = verbs.add_parser("simulate", help=said)
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
    simulate.set_defaults(verb=_simulate)


def _add_doctor(verbs: argparse._SubParsersAction[_Parser]) -> None:
    what = _Parser(add_help=False)
    what.add_argument("--config", type=Path, metavar="FILE", help=f"instead of {CONFIG}")
    what.add_argument("--offline", action="store_true", help="leave the network alone")

    said = "find what is wrong, each with the command that repairs it"
    more = (
        "Opens the microphone for half a second, unless it is muted or in use, and one session "
        "with the service. Exit code: 0 all is fine, perhaps with notes; 1 a warning; 2 a failure."
    )
    doctor = verbs.add_parser("doctor", parents=[what], help=said, description=more)
    doctor.add_argument("--json", action="store_true", help="as one JSON object")
    doctor.add_argument("--all", action="store_true", help="show also what is fine")
    doctor.set_defaults(verb=_doctor)

    report = verbs.add_parser("report", parents=[what], help="write a file for whoever helps you")
    report.add_argument("--out", type=Path, metavar="FILE", help="instead of one in this folder")
    report.set_defaults(verb=_report)


def _add_remote(verbs: argparse._SubParsersAction[_Parser]) -> None:
    where = _Parser(add_help=False)
    where.add_argument("--config", type=Path, metavar="FILE", help=f"instead of {CONFIG}")

    status = verbs.add_parser("status", parents=[where], help="how things stand at the box")
    status.add_argument("--json", action="store_true", help="as one JSON object")
    status.set_defaults(verb=_status)

    mute = verbs.add_parser("mute", parents=[where], help="close the microphone")
    mute.add_argument("--verify", action="store_true", help="show that nobody holds it open")
    mute.set_defaults(verb=_mute)

    for word, what in (("unmute", "end the mute"), ("interrupt", "silence the box")):
        verbs.add_parser(word, parents=[where], help=what).set_defaults(verb=_wish, word=word)

    say = verbs.add_parser("say", parents=[where], help="let the box speak a text")
    say.add_argument("text", nargs="+", metavar="TEXT")
    say.set_defaults(verb=_wish, word="say")

    logs = verbs.add_parser("logs", parents=[where], help="the last lines of the box's log")
    logs.add_argument("-n", type=_count, default=50, metavar="N", help="instead of the last 50")
    logs.add_argument(
        "--last-run", action="store_true", help="of the run that ended by a fault of its own"
    )
    logs.set_defaults(verb=_logs)


def _add_demo(verbs: argparse._SubParsersAction[_Parser]) -> None:
    demo = verbs.add_parser("demo", help="hold a conversation without any hardware")
    said = "say this, in a turn of its own; may be given again"
    demo.add_argument("--wav", type=Path, action="append", default=[], metavar="IN.wav", help=said)
    out = Path("demo-reply.wav")
    heard = f"where what the speaker played is written, instead of {out}"
    demo.add_argument("--out", type=Path, default=out, metavar="OUT.wav", help=heard)
    demo.add_argument("--activation", choices=MODES, default=MODES[0], help="how to talk")
    only = "print the outcome as one JSON object; the story goes to stderr"
    demo.add_argument("--json", action="store_true", help=only)
    demo.set_defaults(verb=_demo)


def _doctor(options: argparse.Namespace) -> int:
    from pi_voice import build_doctor

    wishes = build_doctor.Wishes(CONFIG, options.config, options.offline)
    return build_doctor.doctor(wishes, as_json=options.json, everything=options.all)


def _report(options: argparse.Namespace) -> int:
    from pi_voice import build_doctor

    return build_doctor.report(
        build_doctor.Wishes(CONFIG, options.config, options.offline), options.out
    )


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to 65535")


def _count(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")


def _run(options: argparse.Namespace) -> int:
    try:
        settings = _settings(options.config)
        from pi_voice import box

        box.run(settings)
    except ConfigError:
        if "NOTIFY_SOCKET" in os.environ:  # systemd parks the service: nobody reads our words
            from pi_voice import build_lights

            build_lights.show_misconfigured(options.config or CONFIG)
        raise
    return 0


def _demo(options: argparse.Namespace) -> int:
    from pi_voice import demo

    wishes = demo.Wishes(tuple(options.wav), options.out, options.activation, options.json)
    return demo.run(wishes)


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")


def _speed(text: str) -> float:
    return math.inf if text in ("0", "max") else _positive(text)


def _simulate(options: argparse.Namespace) -> int:
    from pi_voice import simulate

    wanted = (options.hours, options.speed, options.seed, options.faults, options.json)
    return simulate.run(simulate.Wishes(*wanted, mode=options.mode))


def _serve(options: argparse.Namespace) -> int:
    from pi_voice import build

    build.serve(options.port, _announce)
    return 0


def _devices(options: argparse.Namespace) -> int:
    from pi_voice import device_list
    from pi_voice.audio.devices import describe_devices

    sys.stdout.writelines(f"{line}\n" for line in device_list.lines(describe_devices()))
    return 0


def _calibrate(options: argparse.Namespace) -> int:
    settings = _settings(options.config)
    from pi_voice import build_audio, calibration, service

    service.configure_logging("error")  # what is missing ends it, and is told then
    sys.stdout.write(f"{calibration.BEFORE}\n")
    sys.stdout.flush()
    measured = build_audio.calibrate(settings)
    sys.stdout.writelines(f"{line}\n" for line in calibration.lines(measured))
    return 0


def _box(options: argparse.Namespace) -> remote.Box:
    from pi_voice import remote

    return remote.Box.configured(options.config or CONFIG, required=options.config is not None)


def _status(options: argparse.Namespace) -> int:
    from pi_voice import remote

    return remote.show_status(_box(options), as_json=options.json)


def _mute(options: argparse.Namespace) -> int:
    from pi_voice import remote

    return remote.mute(_box(options), verify=options.verify)


def _wish(options: argparse.Namespace) -> int:
    from pi_voice import remote
    from pi_voice.control_wire import Verb

    return remote.wish(_box(options), Verb(options.word), " ".join(getattr(options, "text", ())))


def _logs(options: argparse.Namespace) -> int:
    from pi_voice import remote

    return remote.show_logs(_box(options), count=options.n, last_run=options.last_run)


def _lights(options: argparse.Namespace) -> int:
    """Succeed always: systemd calls it at the end, where a failure would hide the cause."""
    from pi_voice.build_lights import after_the_end

    try:
        after_the_end(_settings(options.config))
    except PiVoiceError as error:
        sys.stderr.write(f"pi-voice: {error}\n")
    return 0


def _announce(url: str) -> None:
    sys.stdout.write(f"Any Realtime client can connect to {url}; end with Ctrl-C\n")
    sys.stdout.flush()


def _config(options: argparse.Namespace) -> int:
    from pi_voice import config

    settings = _settings(options.config)
    if options.what == "show":
        if options.service:
            raise UsageError("--service goes with check: pi-voice config check --service")
        sys.stdout.write(config.dump(settings))
        return 0
    from pi_voice import build
    from pi_voice.credentials import KeyForbiddenError

    unread = ""
    try:
        build.rehearse(settings)
    except KeyForbiddenError as error:
        unread = f"The key was not looked at: {error}.\n"
    path = options.config or CONFIG
    fine = f"{path} is fine" if path.exists() else f"There is no {path}; the defaults are fine"
    sys.stdout.write(f"{fine}.\n{unread}")
    if options.service:
        build.try_service(settings)
        inside = settings.service.url == build.EMBEDDED
        what = "settings; it needs no key" if inside else "key and the settings"
        sys.stdout.write(f"The service {settings.service.url!r} accepts the {what}.\n")
    return 0


def _settings(path: Path | None) -> Settings:
    from pi_voice import config

    if path is None and not CONFIG.exists():
        return config.Settings()
    return config.load(path or CONFIG)


if __name__ == "__main__":
    sys.exit(main())
