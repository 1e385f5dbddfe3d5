"""Keeps the sound libraries from stderr; what ALSA says goes to the debug log.

PortAudio probes every device there could be, and each that is missing costs a line: about a
hundred for every look at the cards, among which the one that explains a failure is lost.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

logger = logging.getLogger(__name__)

LINE_BYTES = 512
# The handler of libasound is variadic, which ctypes cannot declare. On Linux (x86-64, aarch64,
# armhf) variadic integers and pointers arrive where further parameters would, so the handler
# takes this many and hands them on to snprintf, which uses as many as the format names.
VARIADIC_SLOTS = 8

_ALSA_HANDLER = ctypes.CFUNCTYPE(
    None,
    ctypes.c_char_p,  # source file
    ctypes.c_int,  # line
    ctypes.c_char_p,  # function
    ctypes.c_int,  # errno, or 0
    ctypes.c_char_p,  # format
    *[ctypes.c_void_p] * VARIADIC_SLOTS,
)


class Chatter:
    """Listens to libasound from `install` to `restore`.

    Lives as long as the PortAudio it listens to: libasound keeps its address.
    """

    def __init__(self) -> None:
        self._last = threading.local()
        self._libc = ctypes.CDLL(None)
        self._libc.fopen.restype = ctypes.c_void_p
        self._alsa: Any = None
        self._nowhere: int | None = None
        self._on_alsa = _ALSA_HANDLER(self._take)

    def install(self) -> None:
        """Catch the lines of libasound, if it is there; and let it read its configuration again.

        PortAudio lists what libasound has read last, maybe before a sound server was installed.
        """
        self._nowhere = self._libc.fopen(b"/dev/null", b"w")
        with contextlib.suppress(OSError):  # no ALSA on this system, nothing to silence
            self._alsa = ctypes.CDLL("libasound.so.2")
            self._alsa.snd_lib_error_set_handler(self._on_alsa)
            self._alsa.snd_config_update()

    def restore(self) -> None:
        """Let the libraries speak to stderr again."""
        if self._alsa is not None:
            self._alsa.snd_lib_error_set_handler(None)
        if self._nowhere is not None:
            self._libc.fclose(ctypes.c_void_p(self._nowhere))
        self._alsa = self._nowhere = None

    @contextlib.contextmanager
    def hushed(self) -> Iterator[None]:
        """Drop what C code prints meanwhile: PortAudio and JACK know no other place than stderr.

        glibc's `stderr` is a variable that a program may set (GNU C Library manual, "Standard
        Streams"). The descriptor stays what it is, so Python's log and a crash are still seen.
        """
        try:
            stderr = ctypes.c_void_p.in_dll(self._libc, "stderr")
        except ValueError:  # a C library without it
            yield
            return
        before, stderr.value = stderr.value, self._nowhere or stderr.value
        try:
            yield
        finally:
            stderr.value = before

    @property
    def last(self) -> str:
        """What libasound complained of last in the calling thread, or ""."""
        return str(getattr(self._last, "line", ""))

    def forget(self) -> None:
        """Begin anew: what the calling thread does next shall not be blamed for the past."""
        self._last.line = ""

    def _take(
        self,
        file: bytes | None,
        line: int,
        function: bytes | None,
        errno: int,
        form: bytes | None,
        *slots: int | None,
    ) -> None:
        buffer = ctypes.create_string_buffer(LINE_BYTES)
        values = [ctypes.c_void_p(slot) for slot in slots]
        self._libc.snprintf(buffer, ctypes.c_size_t(LINE_BYTES), form, *values)
        text = buffer.value.decode(errors="replace").strip()
        if errno:
            text += f": {os.strerror(abs(errno))}"
        self._last.line = text
        logger.debug("! alsa %s: %s", (function or b"").decode(errors="replace"), text)
