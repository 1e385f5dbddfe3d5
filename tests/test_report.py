"""The file that an owner sends away: everything that helps, and nothing that hurts."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pi_voice.config import parse
from pi_voice.doctor.chips import Chip
from pi_voice.doctor.findings import fault, ok
from pi_voice.errors import PiVoiceError
from pi_voice.report import known_secrets, text, without_secrets, write
from tests.fake_system import Patient

# each of its own kind; what stands behind the last space or sign must not be found
KEY = "sk-proj-Zq3vN8xR2mT7kWpL"
EPHEMERAL = "ek_68af296e8e408191a1120ab6383263c2"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N"
AZURE = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
ARGUMENT = "hunter2-of-the-kiosk"
LOGIN = "swordfish99"
QUERY = "q7w8e9r0t1y2"
WIFI = "correct-horse-battery"
SERIAL = "10000000deadbeef"
MAC = "dc:a6:32:01:ab:cd"
SPOKEN = "my doctor says the pills are blue"
INSTRUCTIONS = "The owner is called Gundula Mustermann."
PLANTED = {
    name: value
    for name, value in globals().items()
    if name.isupper() and isinstance(value, str) and name not in ("PLANTED", "CONFIG", "LOG")
}
CONFIG = f"""
[service]
url = "wss://example.org/v1/realtime?code={QUERY}"
token_command = ["/usr/local/bin/get-key", "--password", "{ARGUMENT}"]
instructions = "{INSTRUCTIONS}"
[service.headers]
api-key = "{AZURE}"
"""
LOG = f"""
connecting to wss://kiosk:{LOGIN}@example.org/v1?code={QUERY}
refused: invalid key {KEY}, header Authorization: Bearer {TOKEN}
got {{"client_secret": {{"value": "{EPHEMERAL}"}}}}
headers: {{'api-key': '{AZURE}', 'X-Other': 'fine'}}
< conversation.item {{"transcript": "{SPOKEN}", "delta": '{SPOKEN}'}}
wpa_supplicant: psk="{WIFI}"
PSK={WIFI}
usb 1-1.2: SerialNumber: {SERIAL}
Serial\t\t: {SERIAL}
wlan0 {MAC} came up
ran get-key --password {ARGUMENT}
session.update instructions="{INSTRUCTIONS}"
microphone 'usb:Jabra' not found
"""


@pytest.fixture
def pi(tmp_path: Path) -> Patient:
    """A box with a secret in every corner that the report looks into."""
    patient = Patient(tmp_path)
    patient.settings = parse(CONFIG)
    system = patient.system
    system.write("/etc/pi-voice/api_key", f"{KEY}\n")
    system.write("/var/lib/pi-voice/last-run.log", LOG)
    system.write("/proc/asound/cards", f" 1 [Device]: USB-Audio - USB PnP, serial: {SERIAL}\n")
    system.write("/etc/os-release", 'PRETTY_NAME="Raspberry Pi OS"\n')
    system.answer("journalctl -u pi-voice.service -n 500", LOG)
    system.answer("systemctl status", f"Active: active\nCGroup: pi-voice --token={EPHEMERAL}\n")
    system.answer("systemctl show", f"StatusText=using {KEY}\n")
    system.found = [Chip("/dev/gpiochip0", "pinctrl-bcm2711", {17: "lg"})]
    return patient


FINDINGS = (
    ok("clock.time", "it is noon"),
    fault("network.service", f"the key {KEY} is refused (Authorization: Bearer {TOKEN})", "x"),
)


def test_no_secret_of_any_kind_is_in_the_report(pi: Patient) -> None:
    made = text(pi.facts, FINDINGS)
    assert [name for name, value in PLANTED.items() if value in made] == []
    assert re.findall(r"\b[se]k[-_]\w{6}|eyJ\w{8}|(?:[0-9a-f]{2}:){5}", made) == []


def test_a_broken_configuration_leaks_no_more(pi: Patient) -> None:
    pi.problems = (f'config.toml: [service] api_key_file = "{KEY}" (line 2): is the key itself',)
    made = text(pi.facts, FINDINGS)
    assert "It cannot be used:" in made
    assert KEY not in made


def test_a_configuration_that_is_closed_to_us_is_not_said_to_be_the_defaults(pi: Patient) -> None:
    pi.system.closed = lambda name: True  # type: ignore[method-assign]  # root reads everything
    made = text(pi.facts, FINDINGS)
    assert "It may only be read by others; try: sudo pi-voice report" in made
    assert "[service]" not in made


def test_what_helps_is_in_the_report(pi: Patient) -> None:
    made = text(pi.facts, FINDINGS)
    for part in (
        "it is noon",
        '"shape": 1',
        "microphone 'usb:Jabra' not found",
        'token_command = ["/usr/local/bin/get-key", "…", "…"]',
        'instructions = "(39 characters)"',
        "'X-Other': 'fine'",
        "/dev/gpiochip0: pinctrl-bcm2711; in use: GPIO 17 by 'lg'",
        "configured: GPIO 27 ([leds] pin)",
        "Raspberry Pi OS",
        "Active: active",
        "websockets ",
    ):
        assert part in made


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("key sk-abcdefgh1234", "key …"),
        ("key sk_live-abcdefgh", "key …"),
        ("secret ek_abcdefgh1234", "secret …"),
        ("Authorization: Bearer abcdefgh", "Authorization: …"),
        ('"api-key": "abcdefgh"', '"api-key": "…"'),
        ("Serial: 00000000abcd", "Serial: …"),
        ("iSerial = 1234", "iSerial = …"),
        ("aa-bb-cc-dd-ee-ff is up", "… is up"),
        ('ssid="Our home" psk=12345678', "ssid=… psk=…"),
        ("machine 0123456789abcdef0123456789ABCDEF", "machine …"),
        ('"transcript": "he said \\"no\\" twice"', '"transcript": …'),
        ("GET https://x.example/a?b=c&d=e end", "GET https://x.example/a?… end"),
        (
            "12:30:45 frame 17 of 20; token budget: none",
            "12:30:45 frame 17 of 20; token budget: none",
        ),
        ("the disk is full", "the disk is full"),
        ('wpa_passphrase="Our home" essid:Ours', "wpa_passphrase=… essid:…"),
        (
            'config.toml: [service] token_command = "fetch --pw hunter2" (line 2): must be a list',
            "config.toml: [service] token_command = … (line 2): must be a list",
        ),
        (
            r'"what": "config.toml: [service] headers = \"X-Key hunter2\" (line 3): must be',
            '"what": "config.toml: [service] headers = … (line 3): must be',
        ),
    ],
)
def test_what_looks_like_a_secret_is_taken_out_of_any_line(line: str, shown: str) -> None:
    assert without_secrets(line) == shown


def test_what_is_known_to_be_secret_is_taken_out_wherever_it_stands(pi: Patient) -> None:
    known = known_secrets(pi.facts)
    assert set(known) == {KEY, AZURE, ARGUMENT}
    assert without_secrets(f"x{AZURE}y", known) == "x…y"


def test_a_log_that_may_not_be_read_is_said_to_be_so(pi: Patient) -> None:
    pi.system.answer("journalctl -u pi-voice.service -n 500", "", 1)
    assert "could not be read; try: sudo pi-voice report" in text(pi.facts, ())


def test_the_file_is_for_its_owner_alone(pi: Patient, tmp_path: Path) -> None:
    path = write(pi.facts, FINDINGS, tmp_path / "report.txt")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == text(pi.facts, FINDINGS)


def test_a_file_without_a_name_gets_one_from_the_clock(
    pi: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert write(pi.facts, FINDINGS) == tmp_path / "pi-voice-report-20261120-120000.txt"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_whoever_typed_sudo_owns_the_file(
    pi: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "1000")
    monkeypatch.setenv("SUDO_GID", "1000")
    assert write(pi.facts, (), tmp_path / "report.txt").stat().st_uid == 1000


def test_a_folder_that_is_not_there_is_one_sentence(pi: Patient, tmp_path: Path) -> None:
    with pytest.raises(PiVoiceError, match=r"gone/report.txt cannot be written \(No such file"):
        write(pi.facts, (), tmp_path / "gone" / "report.txt")
