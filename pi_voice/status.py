"""What the box says of itself: one shape, for people and for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pi_voice import __version__

SHAPE = 1  # grows when a key changes its meaning; new keys may come at any time
NOT_KEPT = "not_kept"  # the name of the finding that a mute would not outlive a power cut
COLUMN = 12  # the words of ours are shorter
AMOUNTS = (  # what is spent, its limit, its unit, its name, and since when
    ("hour_s", "hour_limit_s", "s", "", "this hour"),
    ("day_s", "day_limit_s", "s", "", "today"),
    ("day_tokens", "day_tokens_limit", "", "tokens", "today"),
    ("day_money", "day_money_limit", "", "money", "today"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        name: A short word for programs, for example "no_microphone".
        text: One sentence for the owner.
        hint: The command or the setting that mends it; empty if nothing does.
    """

    name: str
    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """All that the control socket tells; taken at one moment.

    Attributes:
        state: What the status light shows, by the name of its pattern.
        state_s: For how long.
        muted: Nothing is heard, because somebody wants it so.
        mute_kept: What was asked for would outlive a power cut, or cannot be kept at all, which is
            a finding.
        switched_off: The mute switch at the box is closed; nothing else can unmute then.
        microphone: "open" from when the capture handle is asked for until it is known to be given
            back, "closed", or "lost" where it is wanted and not to be had.
        microphone_reason: Why it is lost.
        connection: "online", or by another name of the core's Connection; "failing" is away.
        turn: Whose turn it is to speak, by its name in the core.
        connection_s: How long the connection is as it is.
        connection_reason: Why it is not online.
        trouble: The failure for which a question would not be answered now, by its name; empty if
            it would.
        spent: What the service cost so far, and what of it is allowed.
        findings: Everything that is wrong, the worst first.
        name: Of the box, as configured.
        pid: Of the process that answers.
        uptime_s: How long it runs.
        version: Of the program.
        more: Further facts; they stand beside the others.
    """

    state: str
    muted: bool
    microphone: str
    connection: str
    turn: str = "idle"
    state_s: float = 0.0
    mute_kept: bool = True
    switched_off: bool = False
    microphone_reason: str = ""
    connection_s: float = 0.0
    connection_reason: str = ""
    trouble: str = ""
    spent: Mapping[str, object] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    name: str = "pi-voice"
    pid: int = 0
    uptime_s: float = 0.0
    version: str = __version__
    more: Mapping[str, object] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Ready for JSON; `more` never covers a fact of ours."""
        facts: dict[str, object] = {"shape": SHAPE}
        facts |= {name: getattr(self, name) for name in self.__slots__ if name != "more"}
        facts["spent"] = dict(self.spent)
        facts["findings"] = [dataclasses.asdict(finding) for finding in self.findings]
        return {**self.more, **facts}


def lines(facts: Mapping[str, object]) -> Iterator[str]:
    """The facts for a person.

    Args:
        facts: From `as_dict`, perhaps of another version of this program: what is not known by
            name is shown as it is, and what is missing is left out.
    """
    left = dict(facts)
    left.pop("shape", None)
    state, since = left.pop("state", "there"), left.pop("state_s", None)
    name, version = left.pop("name", "pi-voice"), left.pop("version", "")
    yield f"{name}: {_words(state)}{_since(since)}"
    yield _row("microphone", _part(left, "microphone"))
    yield _row("connection", _part(left, "connection"))
    if left.pop("muted", False):
        by = "the switch at the box" if left.get("switched_off") else "wish"
        yield _row("muted", f"by {by}")
    for shown in ("switched_off", "turn", "mute_kept"):
        left.pop(shown, None)
    if trouble := left.pop("trouble", None):
        yield _row("trouble", _words(trouble))
    if spent := left.pop("spent", None):
        yield _row("spent", _spent(spent))
    restarts = left.pop("restarts", 0)
    running = _shown(left.pop("uptime_s", 0), "s")
    again = f", started again {restarts} times" if restarts else ""
    yield _row("running", f"{running}{again}, version {version}, process {left.pop('pid', '?')}")
    findings = left.pop("findings", None)
    for key, value in left.items():
        word, unit = _unit(key)
        yield _row(word, _shown(value, unit))
    for finding in findings if isinstance(findings, Sequence) else ():
        yield _row("wrong", _finding(finding))


def duration(seconds: float) -> str:
    """A length of time in its two largest units."""
    whole = round(seconds)
    for size, unit, smaller_size, smaller in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
    ):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole // 60} min" if whole >= 60 else f"{whole} s"


def _row(word: str, text: str) -> str:
    return f"  {word:<{COLUMN}} {text}"


def _words(value: object) -> str:
    return str(value).replace("_", " ")


def _since(seconds: object) -> str:
    return f" for {duration(seconds)}" if isinstance(seconds, int | float) else ""


def _part(left: dict[str, object], name: str) -> str:
    """One part: its state, since when, and why."""
    state = _words(left.pop(name, "unknown"))
    since, reason = left.pop(f"{name}_s", None), left.pop(f"{name}_reason", "")
    return f"{state}{_since(since)}" + (f": {reason}" if reason else "")


def _unit(key: str) -> tuple[str, str]:
    """A key in words, and the unit that its name ends in."""
    word, _, unit = key.rpartition("_")
    return (_words(word), "s") if unit == "s" and word else (_words(key), "")


def _shown(value: object, unit: str = "") -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return duration(value) if unit == "s" else f"{value:.10g}"
    if isinstance(value, Mapping):
        pairs = ((*_unit(str(key)), inner) for key, inner in value.items())
        return ", ".join(f"{word} {_shown(inner, unit)}" for word, unit, inner in pairs)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_shown(inner) for inner in value) or "none"
    return "none" if value is None else str(value)


def _spent(spent: object) -> str:
    """Each amount with its limit, where there is one; what is not known by name as it is."""
    if not isinstance(spent, Mapping):
        return _shown(spent)
    left = dict(spent)
    currency = left.pop("currency", "")
    parts = []
    for name, limit, unit, word, when in AMOUNTS:
        if name not in left:
            continue
        amount, allowed = left.pop(name), left.pop(limit, 0)
        if word == "money":
            word = str(currency or word)
            if not amount and not allowed:  # nobody knows the prices
                continue
        most = f" of {_shown(allowed, unit)}" if allowed else ""
        parts.append(" ".join(f"{_shown(amount, unit)}{most} {word} {when}".split()))
    return ", ".join([*parts, *([_shown(left)] if left else [])])


def _finding(finding: object) -> str:
    if not isinstance(finding, Mapping):
        return _shown(finding)
    name, text, hint = (finding.get(key, "") for key in ("name", "text", "hint"))
    return f"{_words(name)}: {text}" + (f" → {hint}" if hint else "")
