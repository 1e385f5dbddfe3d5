"""The checks that client events pass through."""

from __future__ import annotations

import pytest

from pi_voice.sim.service_schema import (
    Check,
    anything,
    boolean,
    choice,
    either,
    integer,
    listing,
    modalities,
    nullable,
    number,
    record,
    string,
    tagged,
)
from pi_voice.sim.service_wire import Rejected

POINT = record({"x": integer(0, 9), "name": nullable(string)}, required=("x",))
SHAPE = tagged({"dot": record({}), "disc": record({"radius": number(0.5, 2)})})


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (boolean, False),
        (string, ""),
        (anything, object()),
        (integer(1, 3), 3),
        (number(0.5, 2), 1),
        (choice("a", "b"), "b"),
        (nullable(string), None),
        (either("inf", integer(1, 2)), "inf"),
        (either("inf", integer(1, 2)), 2),
        (listing(boolean), [True, False]),
        (POINT, {"x": 0, "name": None}),
        (SHAPE, {"type": "disc", "radius": 2}),
        (modalities, ["text"]),
    ],
)
def test_what_is_right_passes(check: Check, value: object) -> None:
    check(value, "here")


@pytest.mark.parametrize(
    ("check", "value", "code", "message"),
    [
        (boolean, 1, "invalid_type", "expected a boolean, but got an integer instead."),
        (string, 1.5, "invalid_type", "expected a string, but got a decimal number instead."),
        (integer(0, 9), True, "invalid_type", "expected an integer, but got a boolean instead."),
        (integer(0, 9), 740.5, "invalid_type", "expected an integer, but got a decimal number"),
        (integer(0, 9), -1, "integer_below_min_value", "Expected a value >= 0, but got -1 instead"),
        (integer(0, 9), 10, "integer_above_max_value", "Expected a value <= 9, but got 10 instead"),
        (number(0, 1), "1", "invalid_type", "expected a decimal, but got a string instead."),
        (number(0, 1), -0.5, "decimal_below_min_value", "decimal below minimum value."),
        (
            choice("a", "b", "c"),
            4,
            "invalid_value",
            "Invalid value: 4. Supported values are: 'a', ",
        ),
        (choice("a", "b", "c"), "d", "invalid_value", "'a', 'b', and 'c'."),
        (listing(boolean), {}, "invalid_type", "expected an array, but got an object instead."),
        (listing(boolean), [True, None], "invalid_type", "Invalid type for 'here[1]'"),
        (POINT, [], "invalid_type", "expected an object, but got an array instead."),
        (POINT, {}, "missing_required_parameter", "Missing required parameter: 'here.x'."),
        (POINT, {"x": 1, "z": 1}, "unknown_parameter", "Unknown parameter: 'here.z'."),
        (SHAPE, {}, "missing_required_parameter", "Missing required parameter: 'here.type'."),
        (SHAPE, {"type": "dot", "radius": 1}, "unknown_parameter", "'here.radius'"),
        (modalities, [], "invalid_value", "Invalid modalities: []."),
        (modalities, ["video"], "invalid_value", "Invalid value: 'video'."),
    ],
)
def test_what_is_wrong_is_refused_with_its_reason(
    check: Check, value: object, code: str, message: str
) -> None:
    with pytest.raises(Rejected) as refused:
        check(value, "here")
    assert refused.value.code == code
    assert message in refused.value.message
