"""The kernel's interface to GPIO lines, version 2, as far as lgpio uses it: <linux/gpio.h>."""

from __future__ import annotations

from ctypes import Structure, c_char, c_int32, c_uint32, c_uint64
from enum import IntEnum, IntFlag

IOCTL_TYPE = 0xB4
LINES_MAX = 64
_NAME = c_char * 32


class Command(IntEnum):
    """What an ioctl asks for: the lowest byte of its number."""

    CHIP_INFO = 0x01
    LINE_INFO = 0x05
    REQUEST = 0x07
    CONFIGURE = 0x0D
    GET_VALUES = 0x0E
    SET_VALUES = 0x0F


class Flag(IntFlag):
    """How a line is used."""

    USED = 1 << 0
    ACTIVE_LOW = 1 << 1
    INPUT = 1 << 2
    OUTPUT = 1 << 3
    EDGE_RISING = 1 << 4
    EDGE_FALLING = 1 << 5
    PULL_UP = 1 << 8
    EVENT_CLOCK_REALTIME = 1 << 11


class Attribute(IntEnum):
    """What a configuration says about some of its lines."""

    FLAGS = 1
    OUTPUT_VALUES = 2


class LineAttribute(Structure):
    _fields_ = (("id", c_uint32), ("padding", c_uint32), ("value", c_uint64))

    id: int
    value: int


class ConfigAttribute(Structure):
    _fields_ = (("attribute", LineAttribute), ("mask", c_uint64))

    attribute: LineAttribute
    mask: int


class Config(Structure):
    _fields_ = (
        ("flags", c_uint64),
        ("num_attributes", c_uint32),
        ("padding", c_uint32 * 5),
        ("attributes", ConfigAttribute * 10),
    )

    flags: int
    num_attributes: int
    attributes: list[ConfigAttribute]


class Request(Structure):
    _fields_ = (
        ("offsets", c_uint32 * LINES_MAX),
        ("consumer", _NAME),
        ("config", Config),
        ("num_lines", c_uint32),
        ("event_buffer_size", c_uint32),
        ("padding", c_uint32 * 5),
        ("fd", c_int32),
    )

    offsets: list[int]
    consumer: bytes
    config: Config
    num_lines: int
    fd: int


class Values(Structure):
    _fields_ = (("bits", c_uint64), ("mask", c_uint64))

    bits: int
    mask: int


class ChipInfo(Structure):
    _fields_ = (("name", _NAME), ("label", _NAME), ("lines", c_uint32))

    name: bytes
    label: bytes
    lines: int


class LineInfo(Structure):
    _fields_ = (
        ("name", _NAME),
        ("consumer", _NAME),
        ("offset", c_uint32),
        ("num_attributes", c_uint32),
        ("flags", c_uint64),
        ("attributes", LineAttribute * 10),
        ("padding", c_uint32 * 4),
    )

    name: bytes
    consumer: bytes
    offset: int
    flags: int


class LineEvent(Structure):
    _fields_ = (
        ("timestamp_ns", c_uint64),
        ("id", c_uint32),  # 1 is rising, 2 is falling
        ("offset", c_uint32),
        ("seqno", c_uint32),
        ("line_seqno", c_uint32),
        ("padding", c_uint32 * 6),
    )
