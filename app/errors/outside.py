"""What lies outside the house: vendors that are away or are not who they say, and chains."""

from app.errors.tree import Busy, Forbidden, Unacceptable, Unauthenticated


class SignatureInvalid(Unauthenticated):
    """A webhook whose signature does not fit its bytes."""

    code = "signature-invalid"

    def __init__(self, provider: str) -> None:
        super().__init__(f"The {provider} signature does not fit the body.", provider=provider)


class ApprovalRefused(Forbidden):
    """A pending chain transaction that no approved operation of ours explains."""

    code = "approval-refused"

    def __init__(self) -> None:
        super().__init__("No operation of ours explains this pending transaction.")


class InvalidAddress(Unacceptable):
    """Not an address of that chain and network."""

    code = "invalid-address"

    def __init__(self, chain: str) -> None:
        super().__init__(f"Not an address of {chain} on this network.", chain=chain)


class ChainUnsupported(Unacceptable):
    """The asset cannot be moved on that chain here, or the chain cannot do what was asked."""

    code = "chain-unsupported"

    def __init__(self, chain: str, currency: str) -> None:
        super().__init__(f"{currency} is not offered on {chain}.", chain=chain, currency=currency)


class ChainNotServed(Unacceptable):
    """The chain is known, and this installation has no wallet there to send from."""

    code = "chain-not-served"

    def __init__(self, chain: str) -> None:
        super().__init__(f"Nothing is sent on {chain} here.", chain=chain)


class ProviderUnavailable(Busy):
    """A third party cannot be reached: definitely not done."""

    code = "provider-unavailable"

    def __init__(self, provider: str) -> None:
        super().__init__(f"{provider} cannot be reached; nothing was done. Ask again shortly.", provider=provider)
