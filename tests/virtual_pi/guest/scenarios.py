"""What is done with the box in the guest; each returns facts for the test to judge."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
import wave
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from .board import (
    DRIVER,
    LED,
    LOOK_S,
    MUTE,
    PATIENCE_S,
    SERVICE,
    TALK,
    Hands,
    Light,
    Recording,
    capture_is_open,
    drive,
    holds_capture,
    is_idle,
    is_lit,
    loud_s,
    main_pid,
    restart,
    run,
    say,
    status,
    wait,
)

HOST = Path("/host")
CHECKOUT = HOST / "checkout"
HELLO = CHECKOUT / "pi_voice" / "sim" / "hello.wav"
WORD = Path("/run/word.wav")
WORD_S = 0.65  # the first word of the recording that ships
ATTEMPTS = 3
UNPLUGS = 20
BUTTONS = range(25)
PRESSES = 40  # of each
BOUNCE_S = 0.02  # what takes longer is no bounce, but a computer that was busy meanwhile
TOGGLES = 50
CRASHES = (10, 25, 40)  # at these toggles the process is killed while muted

Facts = dict[str, Any]


def install() -> Facts:
    """As a person does it, with the answers in a file and the packages at hand."""
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/opt/wheels"}
    log = HOST / "install.log"
    began_s = time.monotonic()
    with log.open("w") as output:
        done = subprocess.run(
            [str(CHECKOUT / "install.sh"), "--unattended", str(HOST / "answers.toml")],
            env=environment,
            stdout=output,
            stderr=output,
            check=False,
        )
    took_s = time.monotonic() - began_s
    if done.returncode == 0:
        wait(is_idle, "the box is idle")
    return {"code": done.returncode, "said": log.read_text(), "took_s": took_s}


def talk(name: str = "reply") -> Facts:
    """Press, say a word, let go, hear it said back; again if the emulated board was too slow."""
    with wave.open(str(HELLO)) as whole, wave.open(str(WORD), "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(int(WORD_S * whole.getframerate())))
    shutil.copy(WORD, HOST / "word.wav")
    for _ in range(ATTEMPTS):
        facts = _turn(HOST / f"{name}.wav")
        if facts["reply_s"] > WORD_S / 2:
            break
    return facts


def _turn(reply: Path) -> Facts:
    """One turn at the button, with what the light did meanwhile."""
    wait(is_idle, "the box is idle")
    heard = Path("/run/heard.wav")
    with Light() as light:
        before_s = time.monotonic()
        captured_before = capture_is_open()
        wait(lambda: len(light.changes) > 4, "the idle light blinked twice")
        with Recording(heard):
            pressed_s = time.monotonic()
            try:
                drive(TALK, down=True)
                open_s = wait(capture_is_open, "the microphone is open")
                wait(light.is_steady, "the light is steady")
                say(WORD)
            finally:
                drive(TALK, down=False)
            released_s = time.monotonic()
            wait(lambda: not light.is_steady(), "the light is not steady any more")
            wait(is_idle, "the box is idle again")
        ended_s = time.monotonic()
    shutil.copy(heard, reply)
    return {
        "captured_before": captured_before,
        "captured_after": capture_is_open(),
        "open_s": open_s,
        "reply_s": loud_s(heard),
        "before_ms": light.steps_ms(before_s, pressed_s),
        "held_ms": light.steps_ms(pressed_s, released_s),
        "after_ms": light.steps_ms(released_s, ended_s),
    }


def unplug() -> Facts:
    """Pull the card out and put it back, again and again, while the microphone is open."""
    restart("voice")
    pid = main_pid()
    wait(lambda: holds_capture(pid), "the microphone is open")
    noticed, back = [], []
    for _ in range(UNPLUGS):
        # the driver waits until every handle is closed
        began_s = time.monotonic()
        with subprocess.Popen(["sh", "-c", f"echo snd_aloop.0 >{DRIVER}/unbind"]) as puller:
            wait(lambda: not holds_capture(pid), "the box let go of the card")
            wait(lambda: status().get("microphone") == "lost", "the box says it")
            noticed.append(time.monotonic() - began_s)
            puller.wait(PATIENCE_S)
        (DRIVER / "bind").write_text("snd_aloop.0")
        back.append(wait(lambda: holds_capture(pid), "the microphone is open again"))
    wait(is_idle, "the box is idle")
    restarts = int(run("systemctl", "show", "-P", "NRestarts", SERVICE))
    lives = main_pid() == pid
    return {"noticed_s": noticed, "back_s": back, "lives": lives, "restarts": restarts}


def presses() -> Facts:
    """Bouncing presses of many buttons at once, through the driver and the core of the box."""
    run("systemctl", "stop", SERVICE)
    chance, slow = random.Random(PRESSES), 0
    for line in BUTTONS:
        drive(line, down=False)
    with Hands(BUTTONS) as hands:
        for number in range(1, PRESSES + 1):
            for word, down in (("press", True), ("release", False)):
                for line in BUTTONS:
                    levels = [down, *[not down, down] * chance.randrange(6)]
                    began_s = time.monotonic()
                    for level in levels:
                        drive(line, down=level)
                    slow += time.monotonic() - began_s > BOUNCE_S
                wait(partial(hands.did, word, number * len(BUTTONS)), f"{word} {number}")
                time.sleep(0.1)  # no finger is faster
        time.sleep(0.5)  # for any that are too many
    run("systemctl", "start", SERVICE)
    wait(lambda: status().get("connection") == "online", "the box is online again")
    return {"press": hands.counts("press"), "release": hands.counts("release"), "slow": slow}


def mute() -> Facts:
    """Mute and unmute at the button, many times, and crash the process now and then."""
    chance = random.Random(50)
    closed_s: list[float] = []
    leaks: list[int] = []
    pid = main_pid()
    for toggle in range(TOGGLES):
        wait(partial(holds_capture, pid), "the microphone is open")
        time.sleep(chance.uniform(0, 0.5))
        closed_s.append(_press_mute(partial(_is_deaf, pid)))
        wait(lambda: status().get("muted"), "the box says that it is muted")
        if toggle in CRASHES:
            leaks.append(_crash(pid))
            pid = main_pid()
        _press_mute(capture_is_open)
    return {"closed_s": closed_s, "leaks": leaks}


def _is_deaf(pid: int) -> bool:
    """Neither the kernel's list of handles nor that of its sound driver has one of ours."""
    return not holds_capture(pid) and not capture_is_open()


def _press_mute(fact: Callable[[], object]) -> float:
    """Seconds from the press until a fact."""
    drive(MUTE, down=True)
    took_s = wait(fact, "the mute took effect")
    time.sleep(0.1)  # no finger is faster
    drive(MUTE, down=False)
    time.sleep(0.1)
    return took_s


def _crash(pid: int) -> int:
    """Kill the process and count how often a microphone was seen open until it is back, muted."""
    wait(lambda: status().get("mute_kept"), "the mute is on disk")
    os.kill(pid, signal.SIGKILL)
    opened = 0
    wait(lambda: main_pid() not in (0, pid), "systemd starts it again")
    deadline_s = time.monotonic() + PATIENCE_S
    while not status().get("muted") and time.monotonic() < deadline_s:
        opened += capture_is_open()
        time.sleep(LOOK_S)
    for _ in range(100):
        opened += capture_is_open()
        time.sleep(LOOK_S)
    return opened


def mute_for_the_night() -> Facts:
    """Leave it muted, ready to talk by button, and on disk."""
    restart("push_to_talk")
    _press_mute(lambda: status().get("muted"))
    wait(lambda: status().get("mute_kept"), "the mute is on disk")
    return {"muted": status().get("muted")}


def wake() -> Facts:
    """After a restart of the whole board: nobody did anything."""
    wait(lambda: status().get("connection") == "online", "the box is online")
    facts = status()
    with Light() as light:
        began_s = time.monotonic()
        wait(lambda: len(light.changes) > 8, "the light blinks")
        steps = light.steps_ms(began_s, time.monotonic())
    captured = capture_is_open()
    _press_mute(lambda: not status().get("muted"))
    return {"status": facts, "light_ms": steps, "captured": captured, **talk("reply_after")}


def stop() -> Facts:
    run("systemctl", "stop", SERVICE)
    return {"lit": is_lit(), "led": LED}
