"""TensorFlow's TFRecord files of tf.train.Example, read without TensorFlow.

A record is a length (8 bytes, little endian), its masked CRC-32C, the bytes of one Example as protocol
buffers encode it, and their CRC. An Example holds Features: a map from names to lists of bytes, floats or
integers.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from nami_bench.errors import InputError

_LONGEST = 1 << 31
_FEATURES = _MAP = _KEY = 1
_VALUE = 2
_BYTES, _FLOATS, _INTEGERS = 1, 2, 3
_VARINT, _FIXED_64, _LENGTH, _FIXED_32 = 0, 1, 2, 5
_POLYNOMIAL = 0x82F63B78

Numbered = Iterator[tuple[int, Mapping[str, Any]]]


def tfrecord_cells(name: str, opener: Callable[[], Any]) -> Numbered:
    """The features of each record, by their names; a list of one as the value itself.

    Bytes that are UTF-8 come as texts. Raises InputError, which names the record (from 1), for a file that is
    damaged or cut off, or holds something else.
    """
    with opener() as binary:
        number = 0
        while head := binary.read(12):
            number += 1
            try:
                yield number, _features(_record(binary, head))
            except (ValueError, IndexError, struct.error) as error:
                raise InputError(
                    f"{name}, record {number}: this is no TFRecord of Examples ({error})"
                ) from error


def _record(binary: IO[bytes], head: bytes) -> bytes:
    if len(head) < 12:
        raise ValueError("it is cut off")
    (length, check) = struct.unpack("<QI", head)
    if check != _masked(_crc(head[:8])) or length > _LONGEST:
        raise ValueError("its length is damaged")
    data = binary.read(length)
    if len(data) < length or len(binary.read(4)) < 4:
        raise ValueError("it is cut off")
    return data


def _features(record: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, features in _fields(record):
        if field != _FEATURES:
            continue
        for inner, entry in _fields(features):
            if inner == _MAP:
                pair = dict(_fields(entry))
                found[pair[_KEY].decode()] = _value(pair.get(_VALUE, b""))
    return found


def _value(feature: bytes) -> Any:
    for kind, held in _fields(feature):
        values = [value for field, raw in _fields(held) if field == 1 for value in _values(kind, raw)]
        return values[0] if len(values) == 1 else values
    return None


def _values(kind: int, raw: Any) -> list[Any]:
    if kind == _BYTES:
        return [_text(raw)]
    if kind == _FLOATS:  # packed, or one that was given as four bytes
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    if isinstance(raw, int):
        return [raw]
    found, at = [], 0
    while at < len(raw):
        value, at = _varint(raw, at)
        found.append(value)
    return found


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _fields(message: Any) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field of a protocol buffers message: bytes, or an integer."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        size, at = {_FIXED_64: (8, at), _FIXED_32: (4, at)}.get(kind) or (
            _varint(message, at) if kind == _LENGTH else (-1, at)
        )
        if size < 0 or at + size > len(message):
            raise ValueError("its fields do not fit")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number does not end")


def _crc(data: bytes) -> int:
    """CRC-32C (Castagnoli), of a few bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
