"""The simple mixer of libasound (alsa/mixer.h): the controls that alsamixer shows."""

from __future__ import annotations

import ctypes
from types import TracebackType
from typing import Any

from pi_voice.audio.mixer import Control, Span

HUNDREDTHS = 100  # libasound counts hundredths of a decibel
MUTE = -9_999_999  # SND_CTL_TLV_DB_GAIN_MUTE: the lowest step is silence


class AlsaMixer:
    """The playback volumes of one card; a context manager that gives the list of them.

    All calls block for as long as the card takes: ms, or seconds for a sound server that hangs.
    """

    def __init__(self, name: str) -> None:
        """Choose.

        Args:
            name: What ALSA calls the card's controls: "hw:1", "default".
        """
        self._name = name.encode()
        self._handle = ctypes.c_void_p()

    def __enter__(self) -> list[Control]:
        """Open.

        Raises:
            OSError: There is no libasound, or no such card.
        """
        self._library = library = _library()
        _check(library, library.snd_mixer_open(ctypes.byref(self._handle), 0))
        try:
            _check(library, library.snd_mixer_attach(self._handle, self._name))
            _check(library, library.snd_mixer_selem_register(self._handle, None, None))
            _check(library, library.snd_mixer_load(self._handle))
        except OSError:
            library.snd_mixer_close(self._handle)
            raise
        return list(self._controls())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._library.snd_mixer_close(self._handle)

    def _controls(self) -> Any:
        library = self._library
        element = library.snd_mixer_first_elem(self._handle)
        while element:
            if library.snd_mixer_selem_has_playback_volume(element):
                yield AlsaControl(library, element)
            element = library.snd_mixer_elem_next(element)


class AlsaControl:
    """Implements `mixer.Control`; lives as long as its mixer is open."""

    def __init__(self, library: Any, element: int) -> None:
        self.name: str = library.snd_mixer_selem_get_name(element).decode(errors="replace")
        self._library = library
        self._element = element

    @property
    def span_db(self) -> Span | None:
        low, high = ctypes.c_long(), ctypes.c_long()
        ends = (ctypes.byref(low), ctypes.byref(high))
        asked = self._library.snd_mixer_selem_get_playback_dB_range(self._element, *ends)
        if asked < 0 or low.value >= high.value:
            return None
        lowest = float("-inf") if low.value <= MUTE else low.value / HUNDREDTHS
        return Span(lowest, high.value / HUNDREDTHS)

    @property
    def span(self) -> Span:
        low, high = ctypes.c_long(), ctypes.c_long()
        ends = (ctypes.byref(low), ctypes.byref(high))
        asked = self._library.snd_mixer_selem_get_playback_volume_range(self._element, *ends)
        _check(self._library, asked)
        return Span(low.value, high.value)

    def set_db(self, level_db: float) -> None:
        level = round(max(level_db * HUNDREDTHS, MUTE))
        upwards = 1  # to the next step that the card has: down might be silence
        set_all = self._library.snd_mixer_selem_set_playback_dB_all
        _check(self._library, set_all(self._element, level, upwards))

    def set_step(self, step: float) -> None:
        set_all = self._library.snd_mixer_selem_set_playback_volume_all
        _check(self._library, set_all(self._element, round(step)))

    def switch_on(self) -> None:
        if self._library.snd_mixer_selem_has_playback_switch(self._element):
            switch_all = self._library.snd_mixer_selem_set_playback_switch_all
            _check(self._library, switch_all(self._element, 1))


def _library() -> Any:
    library = ctypes.CDLL("libasound.so.2")
    pointer, number, text = ctypes.c_void_p, ctypes.c_long, ctypes.c_char_p
    whole, ends = ctypes.c_int, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    takes: dict[str, tuple[Any, ...]] = {
        "open": (pointer, whole),
        "attach": (pointer, text),
        "selem_register": (pointer, pointer, pointer),
        "load": (pointer,),
        "close": (pointer,),
        "first_elem": (pointer,),
        "elem_next": (pointer,),
        "selem_get_name": (pointer,),
        "selem_has_playback_volume": (pointer,),
        "selem_has_playback_switch": (pointer,),
        "selem_get_playback_dB_range": ends,
        "selem_get_playback_volume_range": ends,
        "selem_set_playback_dB_all": (pointer, number, whole),
        "selem_set_playback_volume_all": (pointer, number),
        "selem_set_playback_switch_all": (pointer, whole),
    }
    for name, kinds in takes.items():
        getattr(library, f"snd_mixer_{name}").argtypes = kinds
    for name in ("first_elem", "elem_next"):
        getattr(library, f"snd_mixer_{name}").restype = pointer
    library.snd_mixer_selem_get_name.restype = text
    library.snd_strerror.restype = text
    return library


def _check(library: Any, result: int) -> None:
    if result < 0:
        raise OSError(-result, library.snd_strerror(result).decode(errors="replace"))
