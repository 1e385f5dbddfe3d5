"""install.sh on a machine of stubs: what it asks for, what it says, what it leaves alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = (
    "basename bash cat cp dirname env find grep head mkdir mktemp readlink rm sed sha256sum "
    "tail tee tr"
)

DPKG_QUERY = """#!/bin/sh
for last; do :; done
grep -qx "$last" "$MACHINE/installed" && echo installed
"""
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$MACHINE/calls"
cat "$MACHINE/apt-says" 2>/dev/null && exit 100
case "$*" in install*) for word; do echo "$word"; done >>"$MACHINE/installed" ;; esac
exit 0
"""
SUDO = """#!/bin/sh
echo "sudo $*" >>"$MACHINE/calls"
exec "$@"
"""
# A Python that makes virtual environments of itself and installs programs that only speak.
PYTHON = """#!/bin/sh
case "$*" in
    *version_info*) [ ! -e "$MACHINE/old" ] ;;
    *sys.executable*) cat "$MACHINE/executable" ;;
    *sys.version*) echo 3.11.2 ;;
    -m\\ venv*)
        echo "$*" >>"$MACHINE/calls"
        for last; do :; done
        mkdir -p "$last/bin"
        for name in python pi-voice ruff mypy; do cp "$0" "$last/bin/$name"; done ;;
    -m\\ pip*)
        echo "$*" >>"$MACHINE/calls"
        cat "$MACHINE/pip-says" 2>/dev/null && exit 1
        exit 0 ;;
    *find_spec*) [ ! -e "$MACHINE/incomplete" ] ;;
    *pi_voice.installer*) echo "$* with $PYTHONPATH" ;;
    -m\\ pytest*) echo "2 passed in 0.10s" ;;
    demo*|format*|check*) echo "$(basename "$0") $* in $PWD"; [ ! -e "$MACHINE/$1-fails" ] ;;
esac
"""


@dataclass
class Machine:
    """A checkout and the few programs that this machine has, all of them stubs.

    Attributes:
        folder: Where the stubs write their calls and read what they shall say.
        checkout: A copy of the repository's top level, with a space in its path.
    """

    folder: Path
    checkout: Path

    def run(self, *words: str, where: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(self.folder / "bin"),
            "PYTHON": str(self.folder / "bin" / "stub-python"),
            "MACHINE": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
        }
        script = str(self.checkout / "install.sh")
        return subprocess.run(
            ["bash", script, *words],
            env=environment,
            cwd=where or self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def has(self, program: str, text: str) -> None:
        path = self.folder / "bin" / program
        path.unlink(missing_ok=True)  # never through the link into the real program
        path.write_text(text)
        path.chmod(0o755)

    def note(self, name: str, text: str = "") -> None:
        (self.folder / name).write_text(text)

    def calls(self) -> list[str]:
        """What was called since the last look."""
        path = self.folder / "calls"
        calls = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return calls


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path, tmp_path / "check out")
    for folder in (tmp_path / "bin", tmp_path / "tmp", made.checkout):
        folder.mkdir()
    for name in ("install.sh", "pyproject.toml"):
        shutil.copy(ROOT / name, made.checkout)
    for tool in TOOLS.split():
        found = shutil.which(tool, path="/usr/bin:/bin")
        assert found is not None, tool
        (tmp_path / "bin" / tool).symlink_to(found)
    made.has("dpkg-query", DPKG_QUERY)
    made.has("apt-get", APT_GET)
    made.has("stub-python", PYTHON)
    made.has("id", "#!/bin/sh\necho 0\n")
    made.note("installed", "portaudio19-dev\nlibc6-dev\ngcc\n")
    made.note("executable", str(tmp_path / "bin" / "stub-python"))
    return made


def test_help_tells_every_verb(machine: Machine) -> None:
    done = machine.run("help")
    assert done.returncode == 0
    verbs = ("", "upgrade", "rollback", "uninstall", "demo", "test", "help")
    assert [verb for verb in verbs if f"./install.sh {verb}" not in done.stdout] == []
    assert machine.calls() == []


@pytest.mark.parametrize(
    ("words", "told"),
    [(("dmeo",), "there is no 'dmeo'"), (("test", "fast"), "test takes no 'fast'")],
)
def test_what_it_does_not_know_is_named_below_the_usage(
    machine: Machine, words: tuple[str, ...], told: str
) -> None:
    done = machine.run(*words)
    assert done.returncode == 2
    assert done.stderr == f"{machine.run('help').stdout}\ninstall.sh: {told}; see above\n"
    assert machine.calls() == []


@pytest.mark.parametrize(
    "words",
    [(), ("--profile", "kiosk"), ("install", "--dry-run"), ("upgrade",), ("rollback",)],
)
def test_the_service_is_the_business_of_the_checkouts_own_installer(
    machine: Machine, words: tuple[str, ...]
) -> None:
    done = machine.run(*words)
    called = " ".join(("-B -m pi_voice.installer.command", *words))
    assert done.stdout == f"{called} with {machine.checkout}\n"
    assert machine.calls() == []


def test_the_service_does_not_start_with_an_old_python(machine: Machine) -> None:
    machine.note("old")
    done = machine.run("uninstall", "--purge")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_first_run_makes_the_environment_and_the_second_only_uses_it(machine: Machine) -> None:
    venv = machine.checkout / ".venv"
    assert machine.run("demo").returncode == 0
    assert machine.calls() == [
        f"-m venv {venv}",
        "-m pip install --no-input --disable-pip-version-check -e .",
    ]
    again = machine.run("demo")
    assert again.returncode == 0
    assert again.stdout.startswith("pi-voice demo")
    assert machine.calls() == []


def test_the_demo_gets_its_options_and_stays_where_the_person_is(machine: Machine) -> None:
    machine.run("demo")
    done = machine.run("demo", "--wav", "my voice.wav", where=machine.folder / "tmp")
    assert done.stdout == f"pi-voice demo --wav my voice.wav in {machine.folder / 'tmp'}\n"


def test_a_new_pyproject_installs_again_without_a_new_environment(machine: Machine) -> None:
    machine.run("demo")
    machine.calls()
    (machine.checkout / "pyproject.toml").write_text("[project]\n")
    machine.run("demo")
    assert [call.split()[1] for call in machine.calls()] == ["pip"]


def test_a_package_that_went_away_is_installed_again(machine: Machine) -> None:
    machine.run("demo")
    machine.calls()
    machine.note("incomplete")
    machine.run("demo")
    assert [call.split()[1] for call in machine.calls()] == ["pip"]


def test_an_installation_that_failed_is_not_taken_for_a_finished_one(machine: Machine) -> None:
    machine.run("demo")
    machine.note("incomplete")
    machine.note("pip-says", "something new")
    assert machine.run("demo").returncode == 1
    (machine.folder / "incomplete").unlink()
    assert machine.run("demo").returncode == 1


def test_a_broken_environment_is_made_again(machine: Machine) -> None:
    machine.run("demo")
    machine.calls()
    (machine.checkout / ".venv" / "bin" / "python").unlink()
    assert machine.run("demo").returncode == 0
    assert [call.split()[1] for call in machine.calls()] == ["venv", "pip"]


def test_a_checkout_that_moved_gets_a_new_environment(machine: Machine) -> None:
    machine.run("demo")
    machine.calls()
    machine.checkout = machine.checkout.rename(machine.folder / "elsewhere")
    assert machine.run("demo").returncode == 0
    assert [call.split()[1] for call in machine.calls()] == ["venv", "pip"]


def test_missing_packages_are_named_and_come_in_one_call_that_removes_none(
    machine: Machine,
) -> None:
    machine.note("installed", "libc6-dev\n")
    done = machine.run("demo")
    install = "apt-get install -y --no-install-recommends --no-remove portaudio19-dev gcc"
    assert done.stdout.startswith(f"Installing packages: {install}\n")
    assert machine.calls()[:2] == ["apt-get update", f"{install} -o DPkg::Lock::Timeout=120"]


def test_somebody_who_is_not_root_installs_through_sudo(machine: Machine) -> None:
    machine.note("installed", "libc6-dev\ngcc\n")
    machine.has("id", "#!/bin/sh\necho 1000\n")
    machine.has("sudo", SUDO)
    done = machine.run("demo")
    assert "Installing packages: sudo apt-get install" in done.stdout
    assert [call for call in machine.calls() if "DEBIAN_FRONTEND=noninteractive" in call]


def test_without_sudo_the_command_for_root_is_told(machine: Machine) -> None:
    machine.note("installed")
    machine.note("executable", "/usr/bin/python3")
    machine.has("id", "#!/bin/sh\necho 1000\n")
    done = machine.run("demo")
    assert done.returncode == 1
    assert done.stderr == (
        "install.sh: packages are missing, and there is no sudo here; as root run: apt-get install"
        " -y --no-install-recommends --no-remove python3-venv python3-pyaudio\n"
    )


@pytest.mark.parametrize(("there", "wanted"), [("", True), ("pipewire-alsa\n", False)])
def test_pulseaudio_is_not_installed_beside_pipewire(
    machine: Machine, there: str, wanted: bool
) -> None:
    machine.note("installed", there)
    machine.has("id", "#!/bin/sh\necho 1000\n")
    packages = machine.run("test").stderr.split()
    assert ("pulseaudio" in packages) is wanted
    assert "pulseaudio-utils" in packages


def test_where_there_is_no_apt_it_says_what_must_be_there_and_tries(machine: Machine) -> None:
    machine.note("installed")
    (machine.folder / "bin" / "apt-get").unlink()
    done = machine.run("demo")
    assert done.returncode == 0
    assert "There is no apt-get here" in done.stdout
    assert "portaudio19-dev libc6-dev" in done.stdout


def test_an_old_python_is_refused_before_anything_is_done(machine: Machine) -> None:
    machine.note("old")
    done = machine.run("demo")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "PYTHON=/path/to/python3 ./install.sh demo" in done.stderr
    assert machine.calls() == []


@pytest.mark.parametrize(
    ("program", "said", "told"),
    [
        ("pip", "Failed to establish a new connection", "check the network"),
        ("pip", "[Errno 28] No space left on device", "the disk is full: make room"),
        ("pip", "fatal error: Python.h: No such file", "install the headers of"),
        ("pip", "something new", "the reason stands at the end of what was said"),
        ("apt", "E: Release file for http://deb is not valid yet", "the clock is wrong"),
        ("pip", "certificate verify failed: certificate is not yet valid", "the clock is wrong"),
        ("apt", "Temporary failure resolving", "check the network"),
        ("apt", "E: Packages need to be removed but remove is disabled.", "removes none"),
    ],
)
def test_a_failure_is_one_sentence_with_the_repair_and_the_log(
    machine: Machine, program: str, said: str, told: str
) -> None:
    machine.note("installed")
    machine.note(f"{program}-says", f"{said}\n")
    done = machine.run("demo")
    assert done.returncode == 1
    sentence, place = done.stderr.splitlines()
    assert told in sentence
    assert said in Path(place.removeprefix("What was said until then: ")).read_text()


def test_no_log_is_left_when_all_went_well(machine: Machine) -> None:
    machine.run("demo")
    assert list((machine.folder / "tmp").iterdir()) == []


def test_the_first_check_that_fails_is_named_and_ends_the_run(machine: Machine) -> None:
    for package in ("shellcheck", "systemd-analyze"):
        machine.has(package, "#!/bin/sh\nexit 0\n")
    machine.note("check-fails")
    done = machine.run("test")
    assert done.returncode == 1
    assert "format … ok" in done.stdout
    assert "ruff check in" in done.stdout
    assert done.stderr == "install.sh: the check 'lint' failed\n"
    assert list((machine.folder / "tmp").iterdir()) == []


def test_ci_runs_the_test_command_from_the_top(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "install.sh").write_text('#!/bin/sh\necho "$* in $PWD"\n')
    (tmp_path / "install.sh").chmod(0o755)
    done = subprocess.run([tmp_path / ".ci" / "run"], capture_output=True, text=True, check=True)
    assert done.stdout == f"test in {tmp_path}\n"
    assert os.access(ROOT / "install.sh", os.X_OK)


def test_the_wheel_holds_every_module_and_the_recording(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pi_voice", tmp_path / "pi_voice", ignore=no_caches)
    build = "from setuptools.build_meta import build_wheel; build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("pi_voice/")}
    files = (path for path in (tmp_path / "pi_voice").rglob("*") if path.is_file())
    assert held == {str(path.relative_to(tmp_path)) for path in files}
