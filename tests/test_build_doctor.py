"""The doctor with real parts: the configuration, the cards, the service, and the command itself."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from pi_voice import cli
from pi_voice.audio.cards import Direction
from pi_voice.audio.inventory import Inventory, Pcm
from pi_voice.build_doctor import Cards, Wishes, end_of, kept_muted, question, rehearse, try_service
from pi_voice.config import Settings, parse
from pi_voice.core.failures import Failure
from pi_voice.doctor.facts import End, Refusal
from pi_voice.errors import PiVoiceError
from pi_voice.state import StateFile
from tests.fake_kernel import FakeKernel
from tests.fake_pyaudio import FakeCard, FakePyAudio
from tests.rigs.gpio.chip import GpioChip
from tests.rigs.sound.card import SoundCard

pytest_plugins = ["tests.rigs.sound.plugin", "tests.rigs.gpio.plugin"]

PATIENCE_S = 60.0
USB = Pcm(1, "USB PnP Sound Device: Audio (hw:1,0)", 1, 2, 44_100)
DEFAULT = Pcm(2, "default", 32, 32, 44_100, frozenset(Direction))


def run(*words: str, environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pi_voice.cli", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def pi(tmp_path: Path) -> FakeKernel:
    pi = FakeKernel(tmp_path)
    pi.plug(1, "Device", "USB PnP Sound Device", usb_path="1-1.2", usb_id="0d8c:0014")
    return pi


def inventory(pi: FakeKernel, *pcms: Pcm) -> Inventory:
    return Inventory(pcms, pi.kernel.cards(), pi.kernel)


def test_the_only_card_is_the_default(pi: FakeKernel) -> None:
    assert end_of(inventory(pi, USB, DEFAULT), Direction.SPEAKER, "default") == End(
        "speaker", "default", card_id="Device", on_usb=True
    )


def test_which_of_two_cards_is_the_default_is_not_guessed(pi: FakeKernel) -> None:
    pi.plug(0, "Headphones", "bcm2835 Headphones")
    assert end_of(inventory(pi, USB, DEFAULT), Direction.SPEAKER, "default").card_id == ""


@pytest.mark.parametrize("wanted", ["hw:CARD=Device", "usb:1-1.2", "0d8c:0014"])
def test_a_card_in_use_is_known_with_its_holder(pi: FakeKernel, wanted: str) -> None:
    pi.hold(812, "pipewire", pi.node(1, 0, "c"))
    silent = Pcm(1, USB.name, 0, 2, 44_100)  # what PortAudio says of a card that is held
    end = end_of(inventory(pi, silent), Direction.MICROPHONE, wanted)
    assert (end.holder, end.card_id, end.on_usb) == ("pid 812 (pipewire)", "Device", True)
    assert end.problem == "is in use by pid 812 (pipewire)"


def test_a_card_that_is_not_there_says_what_is(pi: FakeKernel) -> None:
    end = end_of(inventory(pi, USB), Direction.MICROPHONE, "usb:Jabra")
    assert (end.problem, end.card_id) == ("not found; I see: 'hw:CARD=Device'", "")


def test_a_survey_holds_the_cards_and_what_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakePyAudio(FakeCard("pulse", 2, 2, rates=(48_000,)))
    monkeypatch.setattr("pi_voice.audio.portaudio.pyaudio", fake)
    audio = '[audio]\nmicrophone = "pulse"\nspeaker = "pulse"\n'
    survey = Cards(parse(audio)).survey()
    assert [card.config for card in survey.cards][-1] == "pulse"
    assert (survey.microphone.problem, survey.speaker.problem) == ("", "")
    assert "PortAudio" in survey.library


def test_a_microphone_that_does_not_open_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakePyAudio(FakeCard("pulse", 2, 2, refusal=OSError(-9996, "Invalid device")))
    monkeypatch.setattr("pi_voice.audio.portaudio.pyaudio", fake)
    with pytest.raises(PiVoiceError, match=r"^microphone 'pulse' does not open \(Invalid device\)"):
        Cards(parse('[audio]\nmicrophone = "pulse"\n')).listen()


@pytest.mark.alsa
def test_a_real_microphone_is_heard(sound_card: SoundCard) -> None:
    heard = Cards(parse(f'[audio]\nmicrophone = "{SoundCard.MICROPHONE}"\n')).listen()
    assert heard.first_ms > 0
    assert heard.peak == 0  # nobody speaks in the room of the rig


def test_a_configuration_that_cannot_be_used_is_examined_as_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[button]\npin = 47\n[audio]\nmic = 1\n")
    asked = question(Wishes(path))
    assert len(asked.problems) == 2
    assert asked.settings == Settings()


def test_only_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    gone = tmp_path / "gone.toml"
    assert question(Wishes(gone)).problems == ()
    (problem,) = question(Wishes(gone, gone)).problems
    assert "no such file" in problem


def test_nobody_answers_for_a_box_that_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[device]\nruntime_dir = "{tmp_path}"\n')
    with pytest.raises(PiVoiceError, match=f"there is no {tmp_path}/control.sock: "):
        question(Wishes(path)).ask_box()


def test_mute_is_read_from_the_disk(tmp_path: Path) -> None:
    assert not kept_muted(tmp_path)
    StateFile(tmp_path).save({"muted": True})
    assert kept_muted(tmp_path)
    (tmp_path / "state").write_text("torn")
    assert kept_muted(tmp_path)


def test_a_driver_that_is_missing_is_found_without_opening_anything() -> None:
    rehearse(Settings())
    with pytest.raises(PiVoiceError, match="no_such_leds"):
        rehearse(parse('[leds]\ndriver = "no_such_leds:Torch"\n'))


def test_the_parrot_inside_refuses_nobody() -> None:
    assert try_service(Settings()) is None


def test_nobody_at_the_address_is_no_network() -> None:
    refusal = try_service(parse('[service]\nurl = "ws://127.0.0.1:9/v1"\n'))
    assert refusal is not None
    assert refusal.failure is Failure.NO_NETWORK
    assert refusal.reason == "nothing listens at 127.0.0.1:9"


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (401, "", Failure.KEY_REFUSED),
        (503, "", Failure.SERVICE_DOWN),
        (429, '{"error": {"code": "insufficient_quota"}}', Failure.QUOTA_SPENT),
    ],
)
async def test_a_service_that_refuses_is_told_by_its_reason(
    status: int, body: str, failure: Failure
) -> None:
    async def never(connection: ServerConnection) -> None:
        raise AssertionError("it was let in")

    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(HTTPStatus(status), body)

    async with serve(never, "127.0.0.1", 0, process_request=refuse) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        refusal = await asyncio.to_thread(try_service, parse(f'[service]\nurl = "{url}"\n'))
    assert refusal is not None
    assert refusal.failure is failure


def test_a_key_that_is_missing_is_told_as_such(tmp_path: Path) -> None:
    key = tmp_path / "key"
    address = f'[service]\nurl = "wss://127.0.0.1:9/v1"\napi_key_file = "{key}"\n'
    refusal = try_service(parse(address))
    assert isinstance(refusal, Refusal)
    assert (refusal.failure, refusal.reason) == (Failure.KEY_REFUSED, f"there is no key in {key}")


def test_the_whole_doctor_runs_on_this_machine(tmp_path: Path) -> None:
    code, out, errors = run("doctor", "--json")
    told = json.loads(out)
    assert (told["shape"], told["exit_code"], errors) == (1, code, "")
    assert {"configuration", "sound", "clock", "board", "unit"} <= {
        finding["name"].partition(".")[0] for finding in told["findings"]
    }
    assert not [f for f in told["findings"] if f["what"].startswith("the check ")]


def test_a_person_gets_the_same_in_words() -> None:
    code, out, errors = run("doctor", "--all", "--offline")
    assert code in (0, 1, 2)
    assert out.splitlines()[0] == "Configuration"
    assert errors == ""


@pytest.mark.alsa
def test_a_box_with_a_sound_card_hears_its_silence(sound_card: SoundCard, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        f'[device]\nstate_dir = "{tmp_path}"\n'
        f'[audio]\nmicrophone = "{SoundCard.MICROPHONE}"\nspeaker = "{SoundCard.SPEAKER}"\n'
    )
    code, out, _ = run("doctor", "--json", "--offline", "--config", str(path))
    told = {finding["name"]: finding for finding in json.loads(out)["findings"]}
    assert told["sound.microphone"]["level"] == told["sound.speaker"]["level"] == "ok"
    assert "first sound after" in told["sound.first_frame"]["what"]
    assert told["sound.silence"]["level"] == "warning"


HOLD = "import lgpio; lgpio.gpio_claim_output(lgpio.gpiochip_open(0), 17); print(); input()"


def test_a_header_is_known_with_whoever_holds_a_pin_of_ours(gpio_chip: GpioChip) -> None:
    environment = {**os.environ, **gpio_chip.environment}
    command = [sys.executable, "-c", HOLD]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        _, out, _ = run("doctor", "--json", "--offline", environment=gpio_chip.environment)
        holder.communicate(b"\n")
    told = [f for f in json.loads(out)["findings"] if f["name"].startswith("access.")]
    assert [f["what"] for f in told if f["name"] in ("access.chip", "access.pins")] == [
        "the header is gpiochip0 (pinctrl-bcm2711)",
        "GPIO 17 ([button] pin) is in use by 'lg'",
        "GPIO 27 ([leds] pin) is free",
    ]


def test_a_report_is_written_where_it_was_wished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.txt"
    assert cli.main(["report", "--offline", "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"{out} holds what the doctor found, ")
    assert "== doctor ==" in out.read_text()
