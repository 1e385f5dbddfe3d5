"""The daemon as a system service: signals, readiness, watchdog, log lines."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys

from pi_voice.daemon import Daemon

logger = logging.getLogger(__name__)

LEAVE_S = 1.8  # a stop takes less than 2 s, and a goodbye to the service at most 1 s of it
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


class _JournalFormatter(logging.Formatter):
    """`<4>module: message`: journald reads the priority and adds time and unit by itself."""

    def format(self, record: logging.LogRecord) -> str:
        priority = _PRIORITIES.get(record.levelno, 2)
        return f"<{priority}>{super().format(record)}".replace("\n", f"\n<{priority}>")


def configure_logging(level: str) -> None:
    """Log to stderr: for journald if it listens there, else for a person.

    Args:
        level: debug, info, warning or error.
    """
    handler = logging.StreamHandler(sys.stderr)
    if "JOURNAL_STREAM" in os.environ:
        handler.setFormatter(_JournalFormatter("%(name)s: %(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
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


async def run(daemon: Daemon) -> None:
    """Run the daemon until SIGTERM or SIGINT.

    Raises:
        SourceEndedError: A part of the device stopped by itself.
    """
    loop = asyncio.get_running_loop()

    def stop() -> None:
        _leave_in_any_case()
        daemon.stop()
        notify("STOPPING=1")

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    beat = loop.create_task(_beat(), name="watchdog")
    try:
        await daemon.run(on_ready=lambda: notify("READY=1"))
    finally:
        beat.cancel()


def _leave_in_any_case() -> None:
    """End the process soon, whatever a driver or a resolver still waits for."""

    def leave(*_: object) -> None:
        logger.warning("a part of the device did not end in %.1f s; leaving it behind", LEAVE_S)
        os._exit(0)

    signal.signal(signal.SIGALRM, leave)
    signal.setitimer(signal.ITIMER_REAL, LEAVE_S)


async def _beat() -> None:
    """Ping the watchdog twice as often as it asks for (systemd.service(5), WatchdogSec=)."""
    interval_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    while interval_s:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval_s / 2)
