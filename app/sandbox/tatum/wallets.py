"""The key daemon's wallet file: which address a handle signs for. Its keys are imaginary."""

from hashlib import sha256

from app.sandbox.tatum.chains import Chain

_EVM = "5b0f2f2e-8d0c-4a5f-9a11-7c2f7a1f3f10"
ADDRESSES = {
    ("bitcoin", "26d3883e-4e17-48b3-a0ee-09a3e484ac83"): "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
    ("ethereum", _EVM): "0x66FA9F9D3186B9c13A66B004Fc8bb5F3359C4dEb",
    ("polygon", _EVM): "0x66FA9F9D3186B9c13A66B004Fc8bb5F3359C4dEb",
    ("tron", "0a6f4a6e-5f3c-4d2b-8f57-1d9d5a0c8e21"): "TKMiAFXPoRAozSJMvqwfjo8ThtHrHkjkuj",
    ("solana", "9c1d7f0a-2b64-4e0d-b7f6-3a8f5c2e9d44"): "7vzEoA6qPLqGXe5rxmMK7iha63znnLfwGppBrUfELajg",
}


def address_of(chain: Chain, signature_id: str, index: int | None) -> str:
    """The address behind a handle; a handle that nobody has named has one all the same."""
    named = ADDRESSES.get((chain.name, signature_id))
    return named or "0x" + sha256(f"{signature_id}/{index}".encode()).hexdigest()[:40]


def is_ours(chain: Chain, address: str) -> bool:
    """Whether the daemon signs for the address; case is ignored, as EVM chains do."""
    return any(name == chain.name and address.lower() == owned.lower() for (name, _), owned in ADDRESSES.items())
