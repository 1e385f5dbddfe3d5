from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks import command, picture, readme, results
from benchmarks.box import Setup, box
from benchmarks.clients.pace import FRAME_BYTES, Job, frames, mark, noise, number_of
from benchmarks.conditions import Conditions
from benchmarks.contenders import FLOOR, ages
from benchmarks.device_profile import PART
from benchmarks.figures import Effort, Figure, Goal, Of, interval, p99, percentile
from benchmarks.link_stall import NOT_WAITED_FOR, BlackHole, judged
from benchmarks.processes import rounds, service
from benchmarks.report import table
from benchmarks.results import Result
from benchmarks.usage import usage

ROOT = Path(__file__).parent.parent


RUN = Conditions(
    at="2026-01-02T03:04:05+00:00",
    model="A Pi",
    cores=4,
    load=0.1,
    kernel="6.6",
    python="3.13",
    websockets="16",
    commit="abc1234",
    quick=False,
)
LATER = replace(RUN, at="2026-01-03T03:04:05+00:00", model="Another Pi", quick=True)


def test_the_command_measures_a_part_and_keeps_what_it_printed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "figures.json"
    given = [sys.executable, "benchmarks/run", "boot", "--quick", "--json", str(path)]
    run = subprocess.run(given, cwd=ROOT, capture_output=True, text=True, check=True)
    (kept,) = results.load(path).items()
    assert kept[0] == "boot"
    assert kept[1].conditions.cores > 0
    assert kept[1].conditions.quick
    start, *_ = kept[1].figures
    assert min(start.floor) > 0
    assert min(start.ours) > 0
    assert all(figure.name in run.stdout for figure in kept[1].figures)


def test_the_ratio_is_the_median_of_neighbours() -> None:
    figure = Figure("x", "ms", [2.0, 30.0, 4.0], [1.0, 10.0, 4.0], Goal(Of.RATIO, 2.0))
    assert figure.ratios == [2.0, 3.0, 1.0]
    assert figure.met


def test_what_comes_in_no_pairs_is_compared_by_its_medians() -> None:
    assert Figure("x", "ms", [1.0, 2.0, 3.0], [4.0], paired=False).ratios == [0.5]


@pytest.mark.parametrize(
    ("of", "limit", "met"),
    [
        (Of.MEDIAN, 2.0, True),
        (Of.MEDIAN, 1.9, False),
        (Of.MOST, 9.0, True),
        (Of.MOST, 8.9, False),
        (Of.LEAST, 1.0, True),
        (Of.LEAST, 1.1, False),
        (Of.P99, 9.0, True),
        (Of.P99, 8.9, False),
    ],
)
def test_a_goal_holds_one_number_of_a_figure(of: Of, limit: float, met: bool) -> None:
    assert Figure("x", "ms", [1.0, 2.0, 9.0], goal=Goal(of, limit)).met is met


def test_of_many_measurements_one_in_a_hundred_is_above_the_percentile() -> None:
    values = [float(n) for n in range(1, 201)]
    assert sum(value > p99(values) for value in values) == 2


def test_a_missed_goal_says_what_limits_it() -> None:
    missed = Figure("speed", "ms", [2.0], goal=Goal(Of.MEDIAN, 1.0), limited_by="the wire")
    assert "missed: speed: the wire" in table(RUN, [missed])


def test_a_goal_may_hold_the_median_as_well() -> None:
    goal = Goal(Of.P99, 9.0, median=2.0)
    assert Figure("x", "ms", [1.0, 2.0, 9.0], goal=goal).met
    assert not Figure("x", "ms", [1.0, 2.1, 9.0], goal=goal).met
    assert not Figure("x", "ms", [1.0, 2.0, 9.1], goal=goal).met
    assert str(goal) == "median ≤ 2, p99 ≤ 9"


@pytest.mark.parametrize(("count", "ranks"), [(6, (1, 6)), (8, (1, 8)), (9, (2, 8)), (15, (4, 12))])
def test_where_a_median_lies_is_known_as_tables_have_it(
    count: int, ranks: tuple[float, float]
) -> None:
    assert interval([float(n) for n in range(count, 0, -1)]) == ranks


def test_five_values_are_too_few_to_know_where_their_median_lies() -> None:
    assert interval([1.0] * 5) is None
    assert interval([]) is None


# -- the box


async def test_the_whole_daemon_sends_what_its_card_hears_while_the_button_is_held() -> None:
    async with service("steady") as steady, box(Setup(steady.url)) as made:
        await made.told("light", pattern="idle")
        pressed_s = made.press()
        opened = await made.told("microphone", after_s=pressed_s)
        async with asyncio.timeout(30):
            while len(await steady.ask("frames")) < 8:  # long enough for a turn
                pass
        released_s = made.release()
        await made.told("sound", after_s=released_s)
        came = await steady.ask("frames")
        assert made.ready_s > made.started_s
        assert usage(made.pid).cpu_s > 0
    assert [first for _, first, _ in came] == [2 * nth for nth in range(len(came))]
    mic_ms, batch_ms = ages(came, opened["at_s"])
    assert min(mic_ms) > 0
    assert min(batch_ms) > 40


async def test_the_floor_sends_every_frame_of_its_card_and_hears_the_reply() -> None:
    async with service("steady") as steady:
        run = await FLOOR.run(steady, Job(steady.url, 20, 0.2, duplex=True))
    assert run.cpu_min_s > 0
    assert len(run.mic_ms) >= 20
    assert min(run.wire_ms) > 0


def test_cpu_of_another_process_counts_what_it_did() -> None:
    before = usage(os.getpid())
    until_s = time.process_time() + 0.05
    while time.process_time() < until_s:
        pass
    assert (usage(os.getpid()) - before).cpu_s >= 0.05


async def test_every_round_begins_with_another_one() -> None:
    order: list[str] = []

    async def run(name: str) -> None:
        order.append(name)

    await rounds({name: partial(run, name) for name in "abc"}, 3)
    assert "".join(order) == "abc" + "bca" + "cab"


# -- the stalled link


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(4096):
        writer.write(piece)
    writer.close()


@asynccontextmanager
async def hole(*, narrow: bool) -> AsyncIterator[BlackHole]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, BlackHole(server.sockets[0].getsockname()[1], narrow=narrow) as made:
        yield made


@pytest.mark.parametrize("narrow", [False, True])
async def test_a_black_hole_carries_nothing_until_it_is_healed(narrow: bool) -> None:
    async with hole(narrow=narrow) as made:
        reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
        writer.write(b"before")
        assert await reader.readexactly(6) == b"before"
        assert made.came.is_set()
        made.stall()
        writer.write(b"during")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read(1)
        made.heal()
        assert await reader.readexactly(6) == b"during"
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(("narrow", "taken"), [(False, True), (True, False)])
async def test_only_a_narrow_hole_leaves_what_is_sent_to_its_sender(
    narrow: bool, taken: bool
) -> None:
    async with hole(narrow=narrow) as made:
        made.stall()
        with socket.socket() as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
            sender.connect(("127.0.0.1", made.port))
            await made.came.wait()
            sender.setblocking(False)
            loop = asyncio.get_running_loop()
            sending = loop.create_task(loop.sock_sendall(sender, bytes(1_000_000)))
            done, _ = await asyncio.wait([sending], timeout=30 if taken else 0.3)
            assert bool(done) is taken
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


def test_a_stall_is_judged_from_what_came_after_it() -> None:
    weights = [(9.0, 20.0), (9.9, 21.0), (11.0, 23.5), (12.0, 22.0), (31.0, 99.0)]
    said = {"up_s": [1.0, 32.5], "down_s": [5.0, 14.0, 16.0], "rss_mb": weights}
    stall = judged(said, stalled_s=10.0, healed_s=30.0, ended_s=40.0)
    assert (stall.noticed_s, stall.again_s, stall.grown_mb) == (4.0, 2.5, 2.5)


def test_what_never_happened_after_a_stall_is_as_late_as_the_end() -> None:
    said = {"up_s": [1.0], "down_s": list[float](), "rss_mb": list[float]()}
    stall = judged(said, stalled_s=10.0, healed_s=30.0, ended_s=40.0)
    assert (stall.noticed_s, stall.again_s, stall.grown_mb) == (30.0, 10.0, 0.0)


def test_a_floor_that_is_not_waited_for_says_nothing_about_the_peers() -> None:
    figure = Figure("noticed", "s", [4.0], goal=Goal(Of.MOST, 8.0), cannot=NOT_WAITED_FOR)
    assert not figure.unmatched
    assert "none can" not in table(RUN, [figure])
    assert "is not waited for" in table(RUN, [figure])


# -- marks


@pytest.mark.parametrize("number", [0, 1, 15, 16, 4711, 65_535])
def test_the_number_of_a_frame_can_be_read_from_its_sound(number: int) -> None:
    frame = mark(noise(20), number)
    assert len(frame) == FRAME_BYTES
    assert number_of(frame) == number


def test_batches_are_numbered_frame_by_frame() -> None:
    first, second, *_ = frames(40, 1.0)
    numbers = [number_of(pcm[at:]) for pcm in (first, second) for at in (0, FRAME_BYTES)]
    assert numbers == [0, 1, 2, 3]


def test_age_counts_from_the_last_sample_of_a_frame_and_the_first_of_a_batch() -> None:
    mic_ms, batch_ms = ages([(100.045, 0, 2), (100.081, 2, 2)], 100.0)
    assert mic_ms == pytest.approx([25, 5, 21, 1])
    assert batch_ms == pytest.approx([45, 41])


# -- what is shown


def test_the_best_peer_has_the_best_of_the_number_that_counts() -> None:
    peers = {"steady": [5.0, 5.0, 5.0], "jumpy": [1.0, 1.0, 9.0], "absent": list[float]()}
    assert Figure("x", "ms", [1.0], peers=peers).best_peer == ("jumpy", 1.0)
    assert Figure("x", "ms", [1.0], goal=Goal(Of.MOST, 9), peers=peers).best_peer == ("steady", 5.0)


def test_of_few_measurements_the_95th_percentile_is_the_greatest_but_not_of_many() -> None:
    assert percentile([1.0, 2.0, 9.0], 95) == 9.0
    assert percentile([float(n) for n in range(101)], 95) == 95.0


SHOWN = Figure(
    "frame → wire, batches of 20 ms",
    "ms",
    [1.0, 3.0],
    [0.5, 1.0],
    Goal(Of.P99, 2.0),
    "the scheduler",
    paired=False,
    peers={"other": [4.0]},
    cannot={"third": "has no microphone"},
)


MARKED = "a\n<!-- performance -->\nold\n<!-- end -->\nb\n"


def test_the_chapter_of_the_readme_names_machine_goal_and_what_limits_it() -> None:
    made = readme.updated(MARKED, {"wire": Result(RUN, [SHOWN])})
    assert "old" not in made
    assert made.startswith("a\n")
    assert made.endswith("b\n")
    for word in ("A Pi", "2026-01-02", "abc1234", "p99 ≤ 2", "missed", "4 other", "third"):
        assert word in made
    assert "the scheduler" in made
    assert "²" not in made


def test_rows_of_another_run_say_when_and_on_what_they_were_measured() -> None:
    alone = Figure("threads", "", [5.0], goal=Goal(Of.MOST, 5))
    parts = {"memory": Result(LATER, [alone]), "wire": Result(RUN, [SHOWN, SHOWN])}
    made = readme.updated(MARKED, parts)
    assert f"Measured by `benchmarks/run`: {RUN}." in made
    assert "| threads¹ | 5 (most) |" in made
    assert f"- ¹ {LATER}." in made
    assert f"| {SHOWN.name} |" in made
    assert "a quick run" in made


def test_the_ratio_of_enough_pairs_is_shown_with_where_it_lies() -> None:
    pairs = Figure("x", "s", [2.0] * 5 + [3.0], [1.0] * 6, Goal(Of.RATIO, 3.0))
    assert "| 2 (2–3) |" in readme.updated(MARKED, {"x": Result(RUN, [pairs])})


def test_a_readme_without_the_marks_is_left_alone() -> None:
    with pytest.raises(readme.NoSection):
        readme.updated("nothing", {"wire": Result(RUN, [SHOWN])})


def test_the_readme_has_a_place_for_the_chapter() -> None:
    readme.check(readme.README.read_text())


# -- results of earlier runs


def test_results_are_read_as_they_were_kept(tmp_path: Path) -> None:
    kept = {"wire": Result(RUN, [SHOWN, Figure("y", "", [1.0], [])])}
    results.save(tmp_path / "new" / "results.json", kept)
    assert results.load(tmp_path / "new" / "results.json") == kept


def test_where_nothing_was_kept_there_are_no_results(tmp_path: Path) -> None:
    assert results.load(tmp_path / "none.json") == {}


async def _five_threads(_: Effort) -> list[Figure]:
    return [Figure("threads", "", [5.0], goal=Goal(Of.MOST, 5))]


async def _nothing(_: Effort) -> list[Figure]:
    return []


@pytest.mark.parametrize(
    ("measure", "conditions", "figures"), [(_five_threads, 2, "threads"), (_nothing, 1, SHOWN.name)]
)
def test_a_part_that_was_measured_again_takes_the_place_of_what_was_known_of_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    measure: Callable[[Effort], Any],
    conditions: int,
    figures: str,
) -> None:
    path = tmp_path / "results.json"
    results.save(path, dict.fromkeys(command.PARTS, Result(RUN, [SHOWN])))
    monkeypatch.setattr(command.PARTS["memory"], "measure", measure)
    assert command.main(["memory", "--json", str(path)]) == 0
    kept = results.load(path)
    assert len({result.conditions for result in kept.values()}) == conditions
    assert kept["memory"].figures[0].name == figures
    assert kept["waits"] == Result(RUN, [SHOWN])


@pytest.fixture
def own_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")
    monkeypatch.setattr(readme, "PICTURE", tmp_path / "latency.svg")
    readme.README.write_text(MARKED)
    return readme.README


def test_the_readme_shows_the_part_that_was_measured_again_among_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_readme: Path
) -> None:
    path = tmp_path / "results.json"
    results.save(path, dict.fromkeys(command.PARTS, Result(RUN, [SHOWN])))
    monkeypatch.setattr(command.PARTS["memory"], "measure", _five_threads)
    assert command.main(["memory", "--readme", "--json", str(path)]) == 0
    text = own_readme.read_text()
    assert text.count(f"| {SHOWN.name} |") == len(command.PARTS) - 1
    assert "| threads¹ |" in text
    assert f"- ¹ {results.load(path)['memory'].conditions}." in text
    assert readme.PICTURE.exists()


@pytest.mark.usefixtures("own_readme")
@pytest.mark.parametrize(
    ("held", "given", "said"),
    [
        ("", ["speed"], "there is no part 'speed'; there are device, "),
        ("", ["onsets", "--quick", "--readme"], "has no earlier result of device, "),
        ("[]", ["boot"], "holds no results of this program: remove it, "),
        ("{]", ["boot"], "holds no results of this program: remove it, "),
    ],
)
def test_a_mistake_of_the_user_ends_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], held: str, given: list[str], said: str
) -> None:
    path = tmp_path / "results.json"
    if held:
        path.write_text(held)
    assert command.main([*given, "--json", str(path)]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("benchmarks/run: ")
    assert said in err
    assert (err.count("\n"), out) == (1, "")


def test_every_part_says_in_the_help_what_it_measures() -> None:
    text = command._parser().format_help()
    for name, part in command.PARTS.items():
        assert f"  {name} " in text
        assert (part.__doc__ or "").partition("\n")[0] in text


# -- the picture


def test_the_picture_shows_us_the_floor_the_peers_and_the_parts() -> None:
    part = Figure(f"{PART}socket", "s per minute", [0.2])
    text = picture.svg([SHOWN, part])
    words = {element.text for element in xml.fromstring(text).iter() if element.text}
    assert {SHOWN.name, "floor", "other", "socket: 0.20 s, 100%"} <= words


def test_without_measurements_the_picture_is_empty() -> None:
    assert xml.fromstring(picture.svg([])).tag.endswith("svg")
