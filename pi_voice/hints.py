"""What helps against each failure; the doctor, the status and the log say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pi_voice.core.failures import Failure


@dataclass(frozen=True, slots=True)
class Hint:
    """One failure in words.

    Attributes:
        fact: What is wrong, in lower case without full stop.
        fix: The command, or what a hand at the box has to do.
    """

    fact: str
    fix: str


HINTS: Mapping[Failure, Hint] = MappingProxyType(
    {
        Failure.MUTED: Hint(
            "the microphone is muted",
            "Press the mute button or open the mute switch; from afar only where [privacy] "
            "remote_unmute = true: pi-voice unmute",
        ),
        Failure.NO_MICROPHONE: Hint(
            "the microphone cannot be used",
            "Check its cable, then choose one from: pi-voice devices",
        ),
        Failure.NO_SPEAKER: Hint(
            "the speaker cannot be used",
            "Check its cable, then choose one from: pi-voice devices",
        ),
        Failure.SAFE_MODE: Hint(
            "the service crashed again and again, so it runs in safe mode",
            "Mend or remove what it does without; its last words: sudo pi-voice logs --last-run; "
            "then: sudo systemctl restart pi-voice",
        ),
        Failure.NO_NETWORK: Hint(
            "the service cannot be reached over the network",
            "Check the cable or the Wi-Fi: nmcli device status; ping -c 3 1.1.1.1",
        ),
        Failure.SERVICE_DOWN: Hint(
            "the service answers with a fault of its own",
            "Wait: the box tries again by itself; the provider's status page tells more",
        ),
        Failure.CLOCK_WRONG: Hint(
            "the clock of the box is wrong, so no certificate can be judged",
            "sudo timedatectl set-ntp true; then see: timedatectl timesync-status",
        ),
        Failure.CERTIFICATE: Hint(
            "what answers cannot prove that it is the service",
            "Log in to the network if it has a login page; then: "
            "sudo apt install --reinstall ca-certificates",
        ),
        Failure.KEY_REFUSED: Hint(
            "the service refuses the key",
            "Put a valid key, alone on one line, into the file of [service] api_key_file; then: "
            "sudo systemctl restart pi-voice",
        ),
        Failure.QUOTA_SPENT: Hint(
            "the account has no credit left at the service",
            "Add credit at the provider; the box tries again by itself",
        ),
        Failure.BUDGET_SPENT: Hint(
            "the limit that was set for this box is used up",
            "Wait for the next hour or day, or raise it in [limits]; then: "
            "sudo systemctl restart pi-voice",
        ),
        Failure.MISCONFIGURED: Hint(
            "the configuration cannot be used",
            "sudo pi-voice config check --service",
        ),
    }
)
