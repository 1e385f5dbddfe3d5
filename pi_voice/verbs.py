"""What each verb of the pi-voice command does; returns its exit code.

What a verb needs is imported when it is used: a Zero 2 W is slow.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from pi_voice.errors import ConfigError, PiVoiceError, UsageError

if TYPE_CHECKING:
    from pi_voice import remote
    from pi_voice.config import Settings

CONFIG = Path("/etc/pi-voice/config.toml")


def run(options: Namespace) -> int:
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


def demo(options: Namespace) -> int:
    from pi_voice import demo as conversation

    wanted = (tuple(options.wav), options.out, options.activation, options.json)
    return conversation.run(conversation.Wishes(*wanted))


def simulate(options: Namespace) -> int:
    from pi_voice import simulate as simulation

    wanted = (options.hours, options.speed, options.seed, options.faults, options.json)
    return simulation.run(simulation.Wishes(*wanted, mode=options.mode))


def serve(options: Namespace) -> int:
    from pi_voice import build

    build.serve(options.port, _announce)
    return 0


def devices(options: Namespace) -> int:
    from pi_voice import device_list
    from pi_voice.audio.devices import describe_devices

    sys.stdout.writelines(f"{line}\n" for line in device_list.lines(describe_devices()))
    return 0


def calibrate(options: Namespace) -> int:
    settings = _settings(options.config)
    from pi_voice import build_audio, calibration, service

    service.configure_logging("error")  # what is missing ends it, and is told then
    sys.stdout.write(f"{calibration.BEFORE}\n")
    sys.stdout.flush()
    measured = build_audio.calibrate(settings)
    sys.stdout.writelines(f"{line}\n" for line in calibration.lines(measured))
    return 0


def lights(options: Namespace) -> int:
    """Succeed always: systemd calls it at the end, where a failure would hide the cause."""
    from pi_voice.build_lights import after_the_end

    try:
        after_the_end(_settings(options.config))
    except PiVoiceError as error:
        sys.stderr.write(f"pi-voice: {error}\n")
    return 0


def config(options: Namespace) -> int:
    from pi_voice.config import dump

    settings = _settings(options.config)
    if options.what == "show":
        if options.service:
            raise UsageError("--service goes with check: pi-voice config check --service")
        sys.stdout.write(dump(settings))
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


def status(options: Namespace) -> int:
    from pi_voice import remote

    return remote.show_status(_box(options), as_json=options.json)


def mute(options: Namespace) -> int:
    from pi_voice import remote

    return remote.mute(_box(options), verify=options.verify)


def wish(options: Namespace) -> int:
    from pi_voice import remote
    from pi_voice.control_wire import Verb

    return remote.wish(_box(options), Verb(options.word), " ".join(getattr(options, "text", ())))


def logs(options: Namespace) -> int:
    from pi_voice import remote

    return remote.show_logs(_box(options), count=options.n, last_run=options.last_run)


def doctor(options: Namespace) -> int:
    from pi_voice import build_doctor

    wishes = build_doctor.Wishes(CONFIG, options.config, options.offline)
    return build_doctor.doctor(wishes, as_json=options.json, everything=options.all)


def report(options: Namespace) -> int:
    from pi_voice import build_doctor

    return build_doctor.report(
        build_doctor.Wishes(CONFIG, options.config, options.offline), options.out
    )


def _box(options: Namespace) -> remote.Box:
    from pi_voice import remote

    return remote.Box.configured(options.config or CONFIG, required=options.config is not None)


def _settings(path: Path | None) -> Settings:
    from pi_voice import config

    if path is None and not CONFIG.exists():
        return config.Settings()
    return config.load(path or CONFIG)


def _announce(url: str) -> None:
    sys.stdout.write(f"Any Realtime client can connect to {url}; end with Ctrl-C\n")
    sys.stdout.flush()
