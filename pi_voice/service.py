"""The daemon as a system service: signals, readiness, watchdog, log lines."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pi_voice import locks
from pi_voice.daemon import Daemon, first_fault
from pi_voice.errors import EXIT_TAKEN, PiVoiceError
from pi_voice.journal import Redacting

logger = logging.getLogger(__name__)

BEAT_S = 10.0  # one wake-up; a new hour of the budget and a dead part are noticed soon enough
DISK_S = 0.1  # a disk that does not write must not hold the end
LEAVE_S = 1.8  # a stop takes less than 2 s, and a goodbye to the service at most 1 s of it
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


class TakenError(PiVoiceError):
    """A second box would share the mute, the counters and the socket of the first."""

    exit_code = EXIT_TAKEN


@contextlib.contextmanager
def alone(runtime: Path, state: Path) -> Iterator[None]:
    """Keep every other box out of these folders; no trace is left, also not by a kill.

    A folder that cannot be made or opened is left out: nothing can be shared in it.

    Args:
        runtime: [device] runtime_dir.
        state: [device] state_dir.

    Raises:
        TakenError: Another box is in one of them.
    """
    with contextlib.ExitStack() as stack:
        for folder, mode in {runtime: 0o750, state: 0o700}.items():
            with contextlib.suppress(OSError):
                folder.mkdir(mode=mode, parents=True, exist_ok=True)
            try:
                door = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                continue
            stack.callback(os.close, door)
            if not locks.is_ours(door):
                raise TakenError(
                    f"another pi-voice runs with {folder}. Stop it first: "
                    "sudo systemctl stop pi-voice; or give this one folders of its own: "
                    "[device] runtime_dir and state_dir"
                )
        yield


class _JournalFormatter(logging.Formatter):
    """`<4>module: message`: journald reads the priority and adds time and unit by itself."""

    def format(self, record: logging.LogRecord) -> str:
        priority = _PRIORITIES.get(record.levelno, 2)
        return f"<{priority}>{super().format(record)}".replace("\n", f"\n<{priority}>")


def configure_logging(level: str, *others: logging.Handler) -> None:
    """Log to stderr: for journald if it listens there, else for a person; never a key.

    Args:
        level: debug, info, warning or error.
        others: Who else gets every line.
    """
    handler = logging.StreamHandler(sys.stderr)
    if "JOURNAL_STREAM" in os.environ:
        handler.setFormatter(Redacting(_JournalFormatter("%(name)s: %(message)s")))
    else:
        lines = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s")
        handler.setFormatter(Redacting(lines))
    logging.basicConfig(level=level.upper(), handlers=[handler, *others], force=True)
    logging.getLogger("websockets").setLevel(logging.WARNING)  # its DEBUG shows the key


def notify(state: str) -> None:
    """Tell systemd something (sd_notify(3)); nothing happens where nobody asked for it.

    Args:
        state: For example READY=1, WATCHDOG=1, STOPPING=1.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door:
        try:
            door.connect("\0" + address[1:] if address.startswith("@") else address)
            door.send(state.encode())
        except OSError as error:
            logger.warning("systemd does not hear %r at %r: %s", state, address, error)


async def run(
    daemon: Daemon,
    look: Callable[[float, float], str] = lambda now_s, every_s: "",
    keep_log: Callable[[], None] = lambda: None,
) -> None:
    """Run the daemon until SIGTERM or SIGINT.

    Args:
        daemon: The device.
        look: Called again and again with the loop's clock and the s until the next call; returns
            the line that `systemctl status` shows, and raises if only a new start helps.
        keep_log: Called when a part has to be left behind.

    Raises:
        SourceEndedError: A part of the device stopped by itself.
        UnwellError: A part stopped without saying so.
    """
    loop = asyncio.get_running_loop()
    leaving = _Leaving(keep_log)

    def stop() -> None:
        leaving.begin(0)
        daemon.stop()
        notify("STOPPING=1")

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        async with asyncio.TaskGroup() as tasks:
            beat = tasks.create_task(_beat(look), name="watchdog")
            await daemon.run(
                on_ready=lambda: notify("READY=1"), on_leaving=lambda: leaving.begin(1)
            )
            beat.cancel()
    except BaseExceptionGroup as faults:
        raise first_fault(faults) from faults


class _Leaving:
    """Ends the process soon, whatever a driver, a disk or a resolver still waits for."""

    def __init__(self, keep_log: Callable[[], None]) -> None:
        self._keep_log = keep_log
        self._exit_code: int | None = None

    def begin(self, exit_code: int) -> None:
        """Wait no longer than LEAVE_S from the first call on."""
        if self._exit_code is None:
            self._exit_code = exit_code
            signal.signal(signal.SIGALRM, self._leave)
            signal.setitimer(signal.ITIMER_REAL, LEAVE_S)

    def _leave(self, *_: object) -> None:
        logger.warning("a part of the device did not end in %.1f s; leaving it behind", LEAVE_S)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, DISK_S)
        self._keep_log()
        os._exit(self._exit_code or 0)


async def _beat(look: Callable[[float, float], str]) -> None:
    """Ping the watchdog at least twice as often as it asks for (systemd.service(5), WatchdogSec=).

    A fault that `look` finds ends the process: that is quicker than a missed ping.
    """
    watchdog_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    every_s = min(BEAT_S, watchdog_s / 2) if watchdog_s else BEAT_S
    told = ""
    while True:
        try:
            line = look(asyncio.get_running_loop().time(), every_s)
        except PiVoiceError as fault:
            logger.error("%s", fault)  # here, too: the way out may be cut short
            raise
        notify("WATCHDOG=1" if line == told else f"WATCHDOG=1\nSTATUS={line}")
        told = line
        await asyncio.sleep(every_s)
