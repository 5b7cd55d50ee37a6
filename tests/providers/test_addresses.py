"""Addresses of bitcoin, by the vectors of BIP-173 and BIP-350."""

import pytest

from app.providers.tatum.addresses import is_valid_address
from app.providers.tatum.chains import Network

VALID: list[tuple[Network, str]] = [
    ("mainnet", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"),
    ("mainnet", "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y"),
    ("mainnet", "BC1SW50QGDZ25J"),
    ("mainnet", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs"),
    ("mainnet", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
    ("testnet", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
    ("testnet", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7"),
    ("testnet", "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy"),
    ("testnet", "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c"),
    ("mainnet", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    ("mainnet", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
    ("testnet", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"),
    ("testnet", "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc"),
]

INVALID = {
    "unknown prefix": "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",
    "bech32 checksum on version 1": "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
    "bech32 checksum on version 2": "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf",
    "bech32 checksum on version 16": "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
    "bech32m checksum on version 0": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",
    "long program with the same": "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47",
    "letter outside the alphabet": "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
    "version 17": "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
    "program of one byte": "bc1pw5dgrnzv",
    "program of 41 bytes": "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
    "version 0 with 16 bytes": "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
    "mixed case": "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq",
    "padding of more than four bits": "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
    "padding that is not zero": "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j",
    "no program": "bc1gmk9yu",
    "wrong base58 checksum": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
    "another letter case": "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfN",
    "one letter more": "11BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    "a version of another coin": "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1",
    "an address of another chain": "0x8ba1f109551bd432803012645ac136ddd64dba72",
    "nothing": "",
    "spaces around": " tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx ",
    "full-width digits": "\uff11BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    "very long": "1" * 10_000,
}


@pytest.mark.parametrize(("network", "address"), VALID)
def test_a_valid_address_is_one_of_its_own_network_only(network: Network, address: str) -> None:
    other: Network = "testnet" if network == "mainnet" else "mainnet"
    assert is_valid_address("bitcoin", network, address)
    assert not is_valid_address("bitcoin", other, address)
    assert not is_valid_address("ethereum", network, address)


@pytest.mark.parametrize("address", INVALID.values(), ids=INVALID.keys())
@pytest.mark.parametrize("network", ["mainnet", "testnet"])
def test_what_is_not_an_address_is_refused(network: Network, address: str) -> None:
    assert not is_valid_address("bitcoin", network, address)


def test_any_single_mistyped_letter_is_noticed() -> None:
    address = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
    for place in range(len(address)):
        for letter in "qpzry9x8gf2tvdw0s3jn54khce6mua7l":
            typed = address[:place] + letter + address[place + 1 :]
            assert is_valid_address("bitcoin", "testnet", typed) == (typed == address)
