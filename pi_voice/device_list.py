"""`pi-voice devices`: every card in words, and what to write into the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pi_voice.audio.devices import DeviceInfo

NOTHING = (
    "No sound card found. Plug one in, or load its driver; the kernel's list is in "
    "/proc/asound/cards"
)


def lines(devices: Iterable[DeviceInfo]) -> Iterator[str]:
    """The list for a person; one block per card."""
    empty = True
    for device in devices:
        empty = False
        yield device.config if device.name == device.config else f"{device.config}: {device.name}"
        yield from _direction("microphone", device.input_channels, device.input_rates_hz, device)
        yield from _direction("speaker", device.output_channels, device.output_rates_hz, device)
        if device.problem:
            yield f"  problem: {device.problem}"
    if empty:
        yield NOTHING


def _direction(
    kind: str, channels: int, rates_hz: tuple[int, ...], device: DeviceInfo
) -> Iterator[str]:
    if not channels:
        return
    count = f"{channels} channel{'s' if channels > 1 else ''}"
    rates = ", ".join(f"{rate / 1000:g}" for rate in rates_hz)
    yield f"  {kind}: {count}" + (f" at {rates} kHz" if rates else "")
    if rates:
        yield f'    [audio] {kind} = "{device.config}"'
