"""Checks of the cards, of the configured microphone and speaker, and of their mixers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pi_voice.core.failures import Failure
from pi_voice.doctor.facts import CardFacts, End, Facts
from pi_voice.doctor.findings import Finding, fault, note, ok, warning
from pi_voice.errors import PiVoiceError

CARDS, MIXER, LISTEN = "sound.cards", "sound.mixer", "sound.first_frame"
SERVERS = ("pipewire", "wireplumber", "pulseaudio", "pulse", "jackd")
# with these the default of ALSA is the sound server of whoever asks
SERVED = ("/etc/alsa/conf.d/99-pipewire-default.conf", "/etc/alsa/conf.d/99-pulse.conf")
SLOW_MS = 400.0  # a talker begins to speak about this long after the press
FULL_SCALE = 32_768
BOOT_CONFIGS = ("/boot/firmware/config.txt", "/boot/config.txt")
_CONTROL = re.compile(r"^Simple mixer control '([^']+)',(\d+)$", re.MULTILINE)
# what plays or captures on the cards that are used; others are side tones and toys
_PLAYS = re.compile(r"master|pcm|speaker|headphone|headset|digital|playback|line ?out|hdmi", re.I)
_CAPTURES_NOT = re.compile(r"boost|sidetone|beep", re.I)


def cards(facts: Facts) -> Iterator[Finding]:
    found = facts.survey.cards
    yield ok(CARDS, facts.survey.library)
    if not found:
        yield fault(CARDS, "no sound card found", _no_card(facts), Failure.NO_MICROPHONE)
    for card in found:
        what = f"{card.config}: {_abilities(card)}"
        if card.problem:
            what += f"; {card.problem}"
        yield ok(CARDS, what)


def _no_card(facts: Facts) -> str:
    lines = "\n".join(facts.system.read(name) for name in BOOT_CONFIGS)
    overlays = re.findall(r"^dtoverlay=([\w-]+)", lines, re.MULTILINE)
    hats = [name for name in overlays if not name.startswith(("vc4", "dwc2", "disable", "gpio"))]
    if hats:
        names = ", ".join(dict.fromkeys(hats))
        return (
            f"config.txt asks for {names}: see why its driver did not load with "
            "sudo dmesg | grep -i snd; after an upgrade it may be missing for this kernel"
        )
    return "Plug in a USB card, or set the dtoverlay of the HAT; then: cat /proc/asound/cards"


def _abilities(card: CardFacts) -> str:
    ends = (("microphone", card.microphone_hz), ("speaker", card.speaker_hz))
    told = [f"{end} {', '.join(f'{r / 1000:g}' for r in hz)} kHz" for end, hz in ends if hz]
    return "; ".join(told) or "opens at no rate just now"


def microphone(facts: Facts) -> Iterator[Finding]:
    yield from _end(facts, facts.survey.microphone, Failure.NO_MICROPHONE)


def speaker(facts: Facts) -> Iterator[Finding]:
    yield from _end(facts, facts.survey.speaker, Failure.NO_SPEAKER)


def _end(facts: Facts, end: End, failure: Failure) -> Iterator[Finding]:
    name = f"sound.{end.direction}"
    if end.holder and end.holder_pid == facts.unit.pid:
        yield ok(name, f"{end.direction} {end.wanted!r} is in use by the service itself")
    elif end.holder and any(server in end.holder for server in SERVERS):
        what = f"{end.direction} {end.wanted!r} is held by a sound server: {end.holder}"
        yield fault(name, what, _share(facts, end), failure)
    elif end.problem:
        yield fault(name, f"{end.direction} {end.wanted!r} {end.problem}", end.fix, failure)
    else:
        yield _usable(facts, end)


def _usable(facts: Facts, end: End) -> Finding:
    """A name that works for whoever asks may not work for the service, or not after a restart."""
    name, what = f"sound.{end.direction}", f"{end.direction} {end.wanted!r} can be used"
    hears = end.direction == "microphone"
    able = [c for c in facts.survey.cards if (c.microphone_hz if hears else c.speaker_hz)]
    cards = [f'"{card.config}"' for card in able if card.config.startswith(("hw:", "usb:"))]
    fix = f"Set [audio] {end.direction} = {' or '.join(cards) or 'a card of: pi-voice devices'}"
    served = any(facts.system.exists(file) for file in SERVED)
    if facts.unit.known and (end.wanted in SERVERS or (end.wanted == "default" and served)):
        fact = f"{what} by {facts.me}, but the service has no sound server of its own"
        return warning(name, fact, fix)
    if end.wanted == "default" and len(cards) > 1:
        return note(name, f"{what}, but another card may be the default after a restart", fix)
    return ok(name, what)


def _share(facts: Facts, end: End) -> str:
    """A system service cannot join the sound server of a user: which way out this box has."""
    if "graphical.target" not in facts.system.link("/etc/systemd/system/default.target"):
        return (
            "This box boots without a desktop, so nobody needs the server. As the user who runs "
            "it: systemctl --user mask --now pipewire.socket pipewire-pulse.socket "
            "pipewire.service wireplumber.service pulseaudio.socket pulseaudio.service"
        )
    if end.on_usb:
        return (
            "Keep the desktop's sound off this card. As the user of the desktop: "
            "pactl list cards short; then: pactl set-card-profile NAME off"
        )
    return (
        "Give pi-voice a USB card of its own, or boot without the desktop: "
        "sudo systemctl set-default multi-user.target && sudo reboot"
    )


@dataclass(frozen=True, slots=True)
class Control:
    """One control of a mixer.

    Attributes:
        name: As amixer calls it.
        percents: Its level on each channel; none if it is only a switch.
        switches: "on" or "off" for each channel; none if it cannot be switched.
    """

    name: str
    percents: tuple[int, ...]
    switches: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        loud = not self.percents or max(self.percents) > 0
        return loud and (not self.switches or "on" in self.switches)


def controls(text: str, direction: str) -> list[Control]:
    """What `amixer scontents` tells of the controls of one direction."""
    word = "Capture" if direction == "microphone" else "Playback"
    parts = _CONTROL.split(text)[1:]
    found = []
    for name, index, told in zip(parts[0::3], parts[1::3], parts[2::3], strict=True):
        lines = [line for line in told.splitlines() if re.match(r"\s+(Mono|Front|Rear)", line)]
        own = [line.partition(f"{word} ")[2].partition("Capture ")[0] for line in lines]
        percents = tuple(int(n) for line in own for n in re.findall(r"\[(\d+)%\]", line))
        switches = tuple(s for line in own for s in re.findall(r"\[(on|off)\]", line))
        if percents or switches:
            found.append(Control(f"{name},{index}" if index != "0" else name, percents, switches))
    return found


def mixer(facts: Facts) -> Iterator[Finding]:
    ends = [end for end in (facts.survey.microphone, facts.survey.speaker) if end.card_id]
    if ends and not facts.system.has("amixer"):
        yield note(MIXER, "amixer is missing: not checked", "sudo apt install alsa-utils")
        return
    for end in ends:
        told = facts.system.run("amixer", "-c", end.card_id, "scontents")
        if not told.ok:
            yield note(MIXER, f"the mixer of {end.card_id} does not answer: not checked")
            continue
        yield from _judge(end, controls(told.out, end.direction))


def _judge(end: End, found: list[Control]) -> Iterator[Finding]:
    if end.direction == "microphone":
        able = [c for c in found if not _CAPTURES_NOT.search(c.name)]
        shut = [] if any(c.is_open for c in able) else able[:1]  # one open source is enough
        word = "cap"
    else:
        able = [c for c in found if _PLAYS.search(c.name) and "mic" not in c.name.lower()]
        shut, word = [c for c in able if not c.is_open], "unmute"
    for control in shut:
        level = "80%" if control.percents else ""
        switch = word if control.switches else ""
        words = " ".join(filter(None, (level, switch)))
        state = "at zero" if control.percents and not max(control.percents) else "switched off"
        yield warning(
            MIXER,
            f"the {end.direction} of {end.card_id} is {state} in the mixer ({control.name!r})",
            f"amixer -c {end.card_id} sset '{control.name}' {words} && sudo alsactl store",
        )
    if not shut:
        what = "its controls are open" if able else "it has no controls"
        yield ok(MIXER, f"{end.direction} of {end.card_id}: {what}")


def first_frame(facts: Facts) -> Iterator[Finding]:
    """Open the microphone once, where nobody has it and the owner did not mute it."""
    end = facts.survey.microphone
    if facts.muted:
        what = "the box is muted, or may be, so the microphone stays closed: not measured"
        yield note(LISTEN, what, "See: pi-voice status; root sees more: sudo pi-voice doctor")
        return
    if facts.settings.privacy.led_required:
        what = "a light is required, and the doctor shows none: the microphone was not measured"
        yield note(LISTEN, what, "Measure with the light on: pi-voice calibrate")
        return
    if end.holder:
        yield ok(LISTEN, f"the microphone is in use by {end.holder}: not measured")
        return
    if end.problem:
        return
    try:
        heard = facts.question.sound.listen()
    except PiVoiceError as error:
        fact, _, fix = str(error).partition(". ")
        yield fault(LISTEN, fact, fix, Failure.NO_MICROPHONE)
        return
    settings = facts.settings.activation
    what = f"the microphone gives its first sound after {heard.first_ms:.0f} ms"
    if heard.first_ms > SLOW_MS and settings.mode == "push_to_talk" and not settings.hot:
        yield note(LISTEN, f"{what}: first words may be lost", "Set [activation] hot = true")
    else:
        yield ok(LISTEN, what)
    if heard.peak == 0:
        yield warning(
            "sound.silence",
            "the microphone gives only zeros: it is muted, unplugged from its card, or switched "
            "off in the mixer",
            f"alsamixer -V capture{f' -c {end.card_id}' if end.card_id else ''}",
        )
    else:
        loud_db = 20 * math.log10(heard.peak / FULL_SCALE)
        yield ok("sound.silence", f"the loudest sample of the room was {loud_db:.0f} dB")
