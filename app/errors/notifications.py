"""Where a tenant hears of what happened: its endpoints and event streams."""

from app.errors.tree import Conflict, TooMany, Unacceptable


class TooManyEndpoints(Conflict):
    """A tenant has a bounded number of notification endpoints."""

    code = "too-many-endpoints"

    def __init__(self, endpoints_max: int) -> None:
        super().__init__(f"There are {endpoints_max} endpoints already; remove one first.", endpoints_max=endpoints_max)


class TooManySecrets(Conflict):
    """An endpoint has a bounded number of secrets that sign beside each other."""

    code = "too-many-secrets"

    def __init__(self, secrets_max: int, until: str) -> None:
        sentence = f"{secrets_max} secrets sign already; rotate again when the oldest has ended, at {until}."
        super().__init__(sentence, secrets_max=secrets_max, until=until)


class EndpointDisabled(Conflict):
    """Nothing is sent to an endpoint that was disabled."""

    code = "endpoint-disabled"

    def __init__(self, endpoint_id: str, reason: str | None) -> None:
        super().__init__(
            f"The endpoint is disabled ({reason}): enable it first.", endpoint_id=endpoint_id, reason=reason
        )


class CallbackRefused(Unacceptable):
    """A callback may go to a public address by https, and nowhere else."""

    code = "callback-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"Notifications cannot be sent to this URL: {reason}.", reason=reason)


class TooManyStreams(TooMany):
    """A user has a bounded number of open event streams."""

    code = "too-many-streams"

    def __init__(self, streams_max: int, retry_after_s: int) -> None:
        super().__init__("user", retry_after_s)
        self.sentence = f"{streams_max} event streams are open already; close one first."
        self.facts = {"streams_max": streams_max}
