"""Addresses, by the vectors of BIP-173, BIP-350 and EIP-55, and by the tokens' own contracts."""

import pytest

from app.providers.tatum.addresses import canonical_address, checksummed, is_valid_address
from app.providers.tatum.chains import CHAINS, Network
from app.providers.tatum.keccak import keccak_256
from app.providers.tatum.scripts import address_of

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


EIP_55 = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("address", EIP_55)
def test_an_evm_address_is_checked_by_the_case_of_its_letters(address: str) -> None:
    assert checksummed(address.lower()) == address
    for chain in ("ethereum", "polygon"):
        assert is_valid_address(chain, "mainnet", address)
        assert is_valid_address(chain, "mainnet", address.lower())
        assert is_valid_address(chain, "mainnet", "0x" + address[2:].upper())
        assert not is_valid_address(chain, "mainnet", "0x" + address[2:].swapcase())


NOT_EVM = {
    "nobody": f"0x{0:040x}",
    "one digit less": EIP_55[0].lower()[:-1],
    "no prefix": EIP_55[0][2:].lower(),
    "a capital prefix": EIP_55[0].lower().replace("0x", "0X"),
    "no digits": "0x" + "g" * 40,
}


@pytest.mark.parametrize("address", NOT_EVM.values(), ids=NOT_EVM.keys())
def test_what_is_no_evm_address_is_refused(address: str) -> None:
    assert not is_valid_address("ethereum", "mainnet", address)


def test_tron_and_solana_addresses_are_told_apart_from_each_other_and_from_bitcoin() -> None:
    tron, solana = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"
    bitcoin = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"
    taken = [
        (chain, each)
        for chain in CHAINS
        for each in (tron, solana, bitcoin)
        if is_valid_address(chain, "mainnet", each)
    ]
    assert taken == [("bitcoin", bitcoin), ("solana", solana), ("tron", tron)]
    assert not is_valid_address("tron", "mainnet", tron[:-1] + "u")
    assert not is_valid_address("solana", "mainnet", solana[:-3])
    assert not is_valid_address("solana", "mainnet", "1" * 32)
    assert not is_valid_address("dogecoin", "mainnet", bitcoin)


@pytest.mark.parametrize("network", ["mainnet", "testnet"])
def test_the_contracts_of_the_tokens_are_valid_addresses_of_their_chains(network: Network) -> None:
    for chain in CHAINS.values():
        for token in chain.tokens:
            contract = token.contracts.get(network)
            assert contract is None or is_valid_address(chain.name, network, contract), token


def test_an_address_is_kept_in_one_spelling() -> None:
    assert canonical_address("polygon", EIP_55[0].lower()) == EIP_55[0]
    assert canonical_address("bitcoin", "TB1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KXPJZSX").startswith("tb1q")
    assert canonical_address("bitcoin", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn") == "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (b"a" * 135, "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446"),
    ],
)
def test_keccak_is_the_one_before_its_standard(data: bytes, digest: str) -> None:
    assert keccak_256(data).hex() == digest


@pytest.mark.parametrize(
    ("network", "script", "address"),
    [
        ("testnet", "0014751e76e8199196d454941c45d1b3a323f1433bd6", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
        (
            "testnet",
            "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
            "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
        ),
        ("mainnet", "6002751e", "bc1sw50qgdz25j"),
        ("mainnet", "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        ("mainnet", "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87", "3P14159f73E4gFr7JterCCQh9QjiTjiZrG"),
    ],
)
def test_a_script_pays_the_address_that_everybody_reads_in_it(network: Network, script: str, address: str) -> None:
    """The vectors of BIP-173 and BIP-350, the first block's receiver, and a well-known script's hash."""
    assert address_of(bytes.fromhex(script), CHAINS["bitcoin"], network) == address
    assert is_valid_address("bitcoin", network, address)


@pytest.mark.parametrize("script", ["", "6a", "0014", "001475", "4f02751e", "76a9140088ac", "a91400", "00" * 43])
def test_a_script_of_another_form_pays_nobody(script: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        address_of(bytes.fromhex(script), CHAINS["bitcoin"], "mainnet")
