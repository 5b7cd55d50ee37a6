"""Which address an output's script pays: the standard forms of Bitcoin and its kin, and nothing else.

A key's hash (P2PKH), a script's (BIP-16), and a witness program (BIP-141) have one; a script of another form has none.
"""

from app.providers.tatum import base58
from app.providers.tatum.addresses import segwit_address
from app.providers.tatum.chains import Chain, Network

_KEY_HASH = (bytes.fromhex("76a914"), bytes.fromhex("88ac"))
_SCRIPT_HASH = (bytes.fromhex("a914"), bytes.fromhex("87"))
_HASH_BYTES = 20
_VERSIONS = {0: 0, **{0x50 + version: version for version in range(1, 17)}}
"""The opcodes that a witness program begins with, and the versions they stand for."""


def address_of(script: bytes, chain: Chain, network: Network) -> str:
    """The address that the script pays. Raises ValueError where there is none."""
    for (begins, ends), version in zip((_KEY_HASH, _SCRIPT_HASH), chain.address_versions[network], strict=True):
        hashed = script.removeprefix(begins).removesuffix(ends)
        if len(hashed) == _HASH_BYTES and script == begins + hashed + ends:
            return base58.with_checksum(bytes([version]) + hashed)
    program = script[2:]
    if not 2 <= len(program) <= 40 or script[0] not in _VERSIONS or script[1] != len(program):
        raise ValueError("a script that pays no address")
    return segwit_address(chain.address_prefixes[network], _VERSIONS[script[0]], program)
