"""Everything that can go wrong, as one sentence that ends in what to do."""

from __future__ import annotations

import getpass
import os

SERVICE_USER = "pi-voice"
EXIT_FAULT = 1  # a fault at run time: systemd starts us again
EXIT_USAGE = 2  # the command line was wrong (argparse's own code)
EXIT_UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h: the service does not run or not answer
EXIT_TAKEN = 75  # EX_TEMPFAIL: another one runs, and may end
EXIT_FORBIDDEN = 77  # EX_NOPERM: whoever asks may not
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h: a restart cannot help, so systemd must not try


class PiVoiceError(Exception):
    """A fault that the operator can mend; its text is shown without a traceback."""

    exit_code = EXIT_FAULT


class UsageError(PiVoiceError):
    """The command line asks for something that does not go together."""

    exit_code = EXIT_USAGE


class ConfigError(PiVoiceError, ValueError):
    """The configuration cannot be used.

    Attributes:
        problems: Every problem found, each one sentence with its place and its fix.
    """

    exit_code = EXIT_CONFIG

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DeviceError(PiVoiceError, OSError):
    """The microphone, the speaker, a pin or a light cannot be used.

    Attributes:
        device: What we wanted, in the words of the configuration.
        fact: What happened, in lower case without full stop.
        fix: What the operator can do: a command or a key of the configuration.
    """

    def __init__(self, device: str, fact: str, fix: str) -> None:
        super().__init__(f"{device} {fact}. {fix}")
        self.device = device
        self.fact = fact
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.device} {self.fact}. {self.fix}"


class LinkError(PiVoiceError):
    """Something between us and the realtime service."""


class LocalLinkError(LinkError):
    """We asked for something impossible: a fault of ours."""


class RemoteLinkError(LinkError):
    """They refused, or broke the protocol.

    Attributes:
        retryable: True if the same attempt may succeed later.
        status: The HTTP status of a refusal, None if it did not come to that.
        retry_after_s: How long they asked us to wait, None if they did not.
        code: What they call the error, None if it has no name.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        status: int | None = None,
        retry_after_s: float | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.status = status
        self.retry_after_s = retry_after_s
        self.code = code


def me() -> str:
    """The user of this process, by name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without an entry in /etc/passwd, as containers have
        return f"uid {os.getuid()}"


def join(group: str) -> str:
    """The fix that gives the user of this process the rights of a group."""
    user = me()
    then = "sudo systemctl restart pi-voice" if user == SERVICE_USER else "log in again"
    return f"Run: sudo usermod -aG {group} {user}; then {then}"
