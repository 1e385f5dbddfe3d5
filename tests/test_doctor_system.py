"""The real thing, on whatever machine this is."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import sys
import threading
from pathlib import Path

import pytest

from pi_voice.doctor.system import System

REAL = System()
PATIENCE_S = 30.0
NAME = "service.example"  # in the certificates of the tests
TLS = Path(__file__).parent / "tls"


def test_what_is_missing_is_empty(tmp_path: Path) -> None:
    system = System(tmp_path)
    assert system.read("/gone") == system.link("/gone") == ""
    assert (system.owner("/gone"), system.modified("/gone"), system.space("/gone")) == (None,) * 3
    assert not system.exists("/gone")
    assert not system.closed("/gone")
    assert system.glob("/*") == []


def test_a_file_below_the_root_is_known_by_its_usual_name(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "spidev0.0").write_bytes(b"caf\xe9\0")
    system = System(tmp_path)
    assert system.glob("/dev/spidev*") == ["/dev/spidev0.0"]
    assert system.read(Path("/dev/spidev0.0")) == "caf\N{REPLACEMENT CHARACTER}"
    assert system.exists("/dev/spidev0.0")
    assert system.owner("/dev/spidev0.0") == os.getuid()
    assert system.modified("/dev/spidev0.0") is not None
    assert system.space("/dev") is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_behind_a_closed_folder_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    folder.chmod(0)
    system = System(tmp_path)
    assert system.closed("/etc/key")
    assert not system.exists("/etc/key")
    folder.chmod(0o700)


def test_a_command_is_run_in_plain_english_without_a_shell() -> None:
    done = REAL.run(sys.executable, "-c", "import os; print(os.environ['LC_ALL'], '$HOME')")
    assert (done.ok, done.out) == (True, "C.UTF-8 $HOME\n")
    assert REAL.run(sys.executable, "-c", "raise SystemExit(3)").code == 3
    assert REAL.has("sh")


def test_a_command_that_is_missing_or_hangs_has_no_exit_code() -> None:
    assert REAL.run("/no/such/command").code is None
    assert REAL.run("sleep", "60", limit_s=0.05).code is None
    assert not REAL.has("no-such-command")


def test_what_the_machine_says_of_itself() -> None:
    assert REAL.uid() == os.geteuid()
    assert REAL.python() == sys.version.split()[0]
    assert REAL.machine()
    assert REAL.now().tzinfo is not None
    assert REAL.importable("json")
    assert not REAL.importable("no_such_module")


def test_a_proxy_is_known_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert REAL.proxy() == "http://proxy.example:3128"


def test_a_name_of_this_machine_is_resolved() -> None:
    assert REAL.resolve("127.0.0.1", 443) == ["127.0.0.1"]


def test_what_answers_without_tls_is_no_service() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        speaker = threading.Thread(target=greet, args=[door, b"HTTP/1.0 400 Bad\r\n\r\n"])
        speaker.start()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            REAL.handshake("127.0.0.1", door.getsockname()[1])
        speaker.join()


def test_nobody_at_the_door_sends_on_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        answer = b"HTTP/1.0 302 Found\r\nLocation: http://login.example/\r\n\r\n"
        speaker = threading.Thread(target=greet, args=[door, answer])
        speaker.start()
        assert REAL.redirect(f"127.0.0.1:{port}") == "http://login.example/"
        speaker.join()
    assert REAL.redirect(f"127.0.0.1:{port}") == ""


def test_chips_are_looked_for_in_dev(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "gpiochip0").touch()
    assert [chip.label for chip in System(tmp_path).chips([17])] == [""]


def greet(door: socket.socket, words: bytes) -> None:
    visitor, _ = door.accept()
    with visitor:
        visitor.recv(4096)
        visitor.sendall(words)


@pytest.mark.parametrize(
    ("certificate", "code"), [("good", 0), ("future", 9), ("expired", 10), ("other", 62)]
)
def test_a_certificate_is_judged_by_the_reason_of_its_refusal(
    certificate: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "trusted.pem"
    bundle.write_text("".join(path.read_text() for path in TLS.glob("*.pem")))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / f"{certificate}.pem")
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(PATIENCE_S)
        service = threading.Thread(target=shake_hands, args=[door, context])
        service.start()
        here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", door.getsockname())]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: here)
        assert judged(NAME, 443) == code
        service.join()


def judged(host: str, port: int) -> int:
    """What OpenSSL calls its refusal; 0 if there was none."""
    try:
        assert REAL.handshake(host, port).startswith("TLSv1.")
    except ssl.SSLCertVerificationError as error:
        return error.verify_code
    return 0


def shake_hands(door: socket.socket, context: ssl.SSLContext) -> None:
    visitor, _ = door.accept()
    with visitor, contextlib.suppress(OSError), context.wrap_socket(visitor, server_side=True):
        pass
