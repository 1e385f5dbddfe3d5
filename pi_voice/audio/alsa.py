"""Takes what ALSA and JACK would write to stderr into the debug log.

PortAudio probes every device there could be, and each that is missing costs a line: about a
hundred for every look at the cards, among which the one that explains a failure is lost.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
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
_JACK_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p)


class Chatter:
    """Listens to libasound and libjack from `install` to `restore`.

    Lives as long as the PortAudio it listens to: the libraries keep its addresses.
    """

    def __init__(self) -> None:
        self._last = threading.local()
        self._alsa: Any = None
        self._jack: Any = None
        self._on_alsa = _ALSA_HANDLER(self._take_alsa)
        self._on_jack = _JACK_HANDLER(self._take_jack)
        self._snprintf: Any = None

    def install(self) -> None:
        """Catch the lines of both libraries, as far as they are there."""
        self._alsa = _library("libasound.so.2")
        if self._alsa is not None:
            self._snprintf = ctypes.CDLL(None).snprintf
            self._alsa.snd_lib_error_set_handler(self._on_alsa)
        # only where PortAudio was built with it and has loaded it already
        self._jack = _library("libjack.so.0", mode=os.RTLD_LAZY | os.RTLD_NOLOAD)
        self._tell_jack(self._on_jack)

    def restore(self) -> None:
        """Let the libraries speak to stderr again."""
        if self._alsa is not None:
            self._alsa.snd_lib_error_set_handler(None)
        self._tell_jack(None)

    @property
    def last(self) -> str:
        """What libasound complained of last in the calling thread, or ""."""
        return str(getattr(self._last, "line", ""))

    def forget(self) -> None:
        """Begin anew: what the calling thread does next shall not be blamed for the past."""
        self._last.line = ""

    def _take_alsa(
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
        self._snprintf(buffer, ctypes.c_size_t(LINE_BYTES), form, *values)
        text = buffer.value.decode(errors="replace").strip()
        if errno:
            text += f": {os.strerror(abs(errno))}"
        self._last.line = text
        logger.debug("! alsa %s: %s", (function or b"").decode(errors="replace"), text)

    def _tell_jack(self, handler: Any) -> None:
        if self._jack is not None:
            self._jack.jack_set_error_function(handler)
            self._jack.jack_set_info_function(handler)

    def _take_jack(self, line: bytes | None) -> None:
        logger.debug("! jack %s", (line or b"").decode(errors="replace").strip())


def _library(name: str, *, mode: int = ctypes.DEFAULT_MODE) -> Any:
    try:
        return ctypes.CDLL(name, mode=mode)
    except OSError:
        return None  # not on this system: nothing to silence
