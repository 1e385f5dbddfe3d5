"""The rules of the house as functions of a source text; each returns its complaints."""

from __future__ import annotations

import ast
import fnmatch
import io
import re
import tokenize
from collections.abc import Iterator

MODULE_LINES = 350
FUNCTION_LINES = 40
POSITIONAL = 5

LEAVES = {"errors", "frames"}
POLICY = LEAVES | {"core.events"}
ADAPTER = POLICY | {"ports", "core.actions", "bridge", "g711", "retry", "state", "budget"}

# what a module or package may import of ours besides itself; "*" is everything but the command line
ALLOWED = {
    "__init__": set(),
    "errors": set(),
    "frames": set(),
    "core": {"frames"},
    "ports": LEAVES | {"core.events", "core.actions"},
    "bridge": set(),
    "g711": set(),
    "retry": POLICY,
    "state": POLICY,
    "budget": POLICY,
    "health": POLICY | {"core.actions"},
    "control": {"control_wire", "control_wishes"},
    "control_wishes": POLICY | {"control_wire", "status"},
    "control_wire": set(),
    "status": set(),
    "journal": set(),
    "crashes": LEAVES,
    "equipment": LEAVES | {"audio", "config", "core.failures", "hardware", "ports", "status"},
    "safe_mode": {"config", "drivers"},
    "locks": set(),
    "captures": set(),
    "remote": LEAVES | {"captures", "control_wire", "journal", "status"},
    "credentials": LEAVES,
    "drivers": LEAVES,
    "service": LEAVES | {"daemon", "journal", "locks"},
    "hints": {"core.failures"},
    "spending": POLICY | {"core.actions", "budget"},
    "overview": POLICY | {"core", "health", "hints", "status"},
    "box": {"*"},
    "turns": {"core", "frames"},
    "lit": POLICY | {"ports", "bridge"},
    "netlink": ADAPTER,
    "timesync": ADAPTER,
    "config": ADAPTER,
    "audio": ADAPTER,
    "hardware": ADAPTER,
    "transport": ADAPTER,
    "sim": ADAPTER,
    "doctor": ADAPTER | {"config", "core.failures", "hints", "journal"},
    "build_doctor": {"*"},
    "report": ADAPTER | {"config", "doctor", "journal"},
    "daemon": ADAPTER | {"core", "health", "turns"},
    "build": {"*"},
    "build_audio": {"*"},
    "build_lights": {"*"},
    "calibration": ADAPTER | {"audio"},
    "demo": {"*"},
    "simulate": {"*"},
    "simulate_checks": {"*"},
    "simulate_faults": {"*"},
    "simulate_habits": {"*"},
    "simulate_judge": {"*"},
    "simulate_person": {"*"},
    "simulate_record": {"*"},
    "demo_view": {"*"},
    "device_list": {"audio"},
    "installer": LEAVES | {"config", "locks"},
    "verbs": {"*"},
    "cli": {"__init__", "errors", "verbs"},
    "__main__": {"cli"},
}
# a library, and the only places in the package that may import it
ONLY_IN = {
    "threading": ("audio.", "hardware.", "transport.websocket."),
    "numpy": ("audio.",),
    "pyaudio": ("audio.",),
    "webrtcvad": ("audio.",),
    "gpiozero": ("hardware.",),
    "lgpio": ("hardware.",),
    "websockets": ("transport.", "sim."),
}
SANS_IO = re.compile(
    r"transport\.(protocol|session|responses|history|neutral|dialog|effects|cut_replies|\w+_events)"
)


def imports(source: str, module: str = "x") -> Iterator[str]:
    """Every name that is imported anywhere in the source, with `from a import b` as `a.b`."""
    parents = f"pi_voice.{module}".split(".")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(parents[: -node.level]) if node.level else ""
            origin = ".".join(filter(None, (above, node.module)))
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def begins(name: str, prefix: str) -> bool:
    return f"{name}.".startswith(f"{prefix}.")


def wrong_imports(source: str, module: str) -> list[str]:
    """Imports of ours that the directions of the house do not allow this module."""
    group = module.split(".")[0]
    if group not in ALLOWED:
        return [f"{module} has no place in the house: add it to ALLOWED"]
    allowed = ALLOWED[group] | {group, "__version__"}
    found = []
    for name in imports(source, module):
        ours = name.removeprefix("pi_voice.")
        if not begins(name, "pi_voice") or any(begins(ours, prefix) for prefix in allowed):
            continue
        if "*" not in allowed or begins(ours, "cli"):
            found.append(f"{module} imports {name}")
    return found


def wrong_libraries(source: str, module: str) -> list[str]:
    """Imports of libraries outside the few places where they belong."""
    found = []
    for name in imports(source, module):
        places = ONLY_IN.get(name.split(".")[0])
        if places and not f"{module}.".startswith(places):
            found.append(f"{module} imports {name}")
        if begins(name, "asyncio") and SANS_IO.match(module):
            found.append(f"{module} imports {name}: it must run without a loop")
    return found


def mocks(source: str) -> list[str]:
    return [name for name in imports(source) if begins(name, "unittest.mock")]


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    first = function.body[0]
    doc = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if doc else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def too_long(source: str) -> list[str]:
    lines = len(source.splitlines())
    return [f"{lines} lines, {MODULE_LINES} are allowed"] if lines > MODULE_LINES else []


def too_big(source: str) -> list[str]:
    """Functions with too many lines or parameters."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if (lines := lines_of(node)) > FUNCTION_LINES:
            found.append(f"{node.name} has {lines} lines, {FUNCTION_LINES} are allowed")
        names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
        if (count := len(names) - (names[:1] in (["self"], ["cls"]))) > POSITIONAL:
            found.append(f"{node.name} has {count} positional parameters")
    return found


def shared_state(source: str) -> list[str]:
    """Names of a module that a function could change: no module has a memory."""
    tree = ast.parse(source)
    found = [f"global in line {n.lineno}" for n in ast.walk(tree) if isinstance(n, ast.Global)]
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node.value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp):
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            found += [f"{name} can be changed" for name in names if not name.isupper()]
    return [complaint for complaint in found if "__all__" not in complaint]


MARKERS = re.compile(r"noqa(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?|type:\s*ignore(\[[\w, -]+\])?")


def silent_exceptions(source: str) -> list[str]:
    """Comments that silence a tool without the rule's name, or without a reason beside it."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        markers = list(MARKERS.finditer(token.string)) if token.type == tokenize.COMMENT else []
        reason = re.sub(r"\W", "", MARKERS.sub("", token.string))
        if markers and len(reason) < 4:
            found.append(f"line {token.start[0]}: no reason beside it: {token.string}")
        if any(not any(marker.groups()) for marker in markers):
            found.append(f"line {token.start[0]}: name the rule: {token.string}")
    return found


def wall_clock(source: str) -> list[str]:
    """Reads of a clock that jumps, without the reason beside them: durations need another one."""
    lines = enumerate(source.splitlines(), start=1)
    clock = re.compile(r"\btime\.time\(|\bdatetime\.(now|utcnow)\(")
    bare = ((n, line) for n, line in lines if "#" not in line)
    return [f"line {n}: {line.strip()}" for n, line in bare if clock.search(line)]


# written so that this file does not hold what it looks for
FOREIGN = {
    "an unfinished thought": re.compile(r"\b(TO[D]O|FIX[M]E|XX[X])\b"),
    "a path of one machine": re.compile(r"(?<![\w.])/(wor[k]|roo[t]|mn[t])/|/home/(?!pi\b)\w"),
    "a registry": re.compile(r"pkg\.de[v]|py[p]i\.org/simple|npmj[s]\.org|--(extra-)?inde[x]-url"),
    "a number that only its author knows": re.compile(r"\b(decision|issue)s? (E|D|#)?\d", re.I),
}


def foreign_words(text: str) -> list[str]:
    """What makes sense only to whoever wrote it, or only on their machine."""
    return [
        f"line {number}: {what}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in FOREIGN.items()
        if pattern.search(line)
    ]


def has_test(module: str, tests: set[str]) -> bool:
    """A test file of the module's name, perhaps with its package before or its part behind."""
    *package, last = module.split(".")
    names = {last, "_".join((*package, last))}
    return any(fnmatch.filter(tests, f"test_{n}{rest}.py") for n in names for rest in ("", "_*"))
