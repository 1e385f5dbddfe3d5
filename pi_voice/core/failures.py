"""What can be wrong with the box, as its owner meets it.

One name serves all who tell it: the light, the sound or the sentence, the line in the log and the
hint of the doctor.
"""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """A fixed list: whoever looks after the box can learn it by heart."""

    MUTED = "muted"
    NO_MICROPHONE = "no_microphone"
    NO_SPEAKER = "no_speaker"
    SAFE_MODE = "safe_mode"  # it crashed again and again, and works without some of its parts
    NO_NETWORK = "no_network"
    SERVICE_DOWN = "service_down"
    CLOCK_WRONG = "clock_wrong"
    CERTIFICATE = "certificate"  # what answers cannot prove who it is: often a login page
    KEY_REFUSED = "key_refused"
    QUOTA_SPENT = "quota_spent"  # at the service
    BUDGET_SPENT = "budget_spent"  # the owner's own limit
    MISCONFIGURED = "misconfigured"
