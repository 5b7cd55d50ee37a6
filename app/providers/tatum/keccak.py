"""Keccak-256 as Ethereum uses it: the sponge of the SHA-3 competition, before NIST changed its padding.

``hashlib.sha3_256`` pads otherwise and gives other digests, and no library of ours has this one. Needed for the
checksum of EIP-55 alone, so it is written to be read.
"""

_LANES = 25
_RATE_BYTES = 136
_MASK = (1 << 64) - 1


def _round_constants() -> tuple[int, ...]:
    """The constants of the 24 rounds, from the linear feedback register of the specification."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            if register & 1:
                constant |= 1 << ((1 << power) - 1)
            register <<= 1
            if register & 0x100:
                register ^= 0x171
        constants.append(constant)
    return tuple(constants)


_CONSTANTS = _round_constants()


def keccak_256(data: bytes) -> bytes:
    """The 32-byte digest."""
    lanes = [0] * _LANES
    padded = data + b"\x01" + bytes(-(len(data) + 2) % _RATE_BYTES) + b"\x80"
    if len(data) % _RATE_BYTES == _RATE_BYTES - 1:
        padded = data + b"\x81"
    for begin in range(0, len(padded), _RATE_BYTES):
        for lane in range(_RATE_BYTES // 8):
            lanes[lane] ^= int.from_bytes(padded[begin + 8 * lane : begin + 8 * lane + 8], "little")
        lanes = _permuted(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _permuted(lanes: list[int]) -> list[int]:
    for constant in _CONSTANTS:
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        parity = [columns[(x - 1) % 5] ^ _rotated(columns[(x + 1) % 5], 1) for x in range(5)]
        lanes = [lane ^ parity[place % 5] for place, lane in enumerate(lanes)]
        lanes = _moved(lanes)
        lanes = [lanes[place] ^ (~lanes[_right(place, 1)] & lanes[_right(place, 2)] & _MASK) for place in range(_LANES)]
        lanes[0] ^= constant
    return lanes


def _moved(lanes: list[int]) -> list[int]:
    """The steps called rho and pi: every lane is rotated and put elsewhere."""
    moved = list(lanes)
    x, y, lane = 1, 0, lanes[1]
    for step in range(24):
        x, y = y, (2 * x + 3 * y) % 5
        place = x + 5 * y
        moved[place], lane = _rotated(lane, (step + 1) * (step + 2) // 2 % 64), lanes[place]
    return moved


def _right(place: int, steps: int) -> int:
    return place - place % 5 + (place + steps) % 5


def _rotated(lane: int, bits: int) -> int:
    return (lane << bits | lane >> (64 - bits)) & _MASK
