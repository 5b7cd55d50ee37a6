"""Who may move money, how much and how soon; and what officers and operators decide."""

from app.errors.tree import Conflict, Forbidden, Unacceptable


class KycRequired(Forbidden):
    """Money moves only for verified people."""

    code = "kyc-required"

    def __init__(self, level: str) -> None:
        super().__init__(
            "Identity verification comes first: POST /v1/kyc/sessions starts or resumes it.", compliance_level=level
        )


class ShareTokenRefused(Unacceptable):
    """The share token is spent, expired or foreign."""

    code = "share-token-refused"

    def __init__(self) -> None:
        super().__init__("The verification cannot be reused: the share token is spent, expired or for somebody else.")


class LimitExceeded(Conflict):
    """More, or more often, than the limit of a period allows. ``left`` is what would still pass."""

    code = "limit-exceeded"

    def __init__(
        self,
        measure: str,
        *,
        rail: str,
        period: str,
        bound: str,
        used: str,
        left: str,
        currency: str,
        resets_at: str | None,
    ) -> None:
        limit = f"{rail} {measure} per {period}"
        so_far = f"; {used} are used, and it resets at {resets_at}" if resets_at else ""
        super().__init__(
            f"The limit {limit} of {bound} would be exceeded{so_far}.",
            limit=limit,
            rail=rail,
            period=period,
            bound=bound,
            used=used,
            left=left,
            currency=currency,
            resets_at=resets_at,
        )


class CoolingPeriod(Conflict):
    """A bank account or address that is new takes part in nothing for a while."""

    code = "cooling-period"

    def __init__(self, what: str, until: str) -> None:
        super().__init__(f"The {what} is new; it can be used from {until} on.", what=what, until=until)


class LevelUnknown(Unacceptable):
    """No such level of limits is configured."""

    code = "unknown-level"

    def __init__(self, level: str) -> None:
        super().__init__("There is no such level of limits here.", level=level)


class CaseDecided(Conflict):
    """A case is decided once."""

    code = "case-decided"

    def __init__(self, case_id: str) -> None:
        super().__init__("The case has been decided already.", case_id=case_id)


class CaseUndecided(Conflict):
    """Only what was decided is opened again."""

    code = "case-undecided"

    def __init__(self, case_id: str) -> None:
        super().__init__("The case has not been decided.", case_id=case_id)


class SecondOfficerNeeded(Conflict):
    """A case above the limit is decided by two officers, and this one has proposed already."""

    code = "second-officer-needed"

    def __init__(self, case_id: str) -> None:
        super().__init__("Another officer must agree: you have made the proposal.", case_id=case_id)


class SecondOperatorNeeded(Conflict):
    """An act above the limit is done by two operators, and this one has proposed it already."""

    code = "second-operator-needed"

    def __init__(self, subject: str) -> None:
        super().__init__("Another operator must ask for the same: you have made the proposal.", subject=subject)


class TooManyNotes(Conflict):
    """A case has a bounded number of notes."""

    code = "too-many-notes"

    def __init__(self, notes_max: int) -> None:
        super().__init__(f"There are {notes_max} notes already.", notes_max=notes_max)


class DecisionUnfit(Unacceptable):
    """A case of that kind is not decided like that."""

    code = "decision-unfit"

    def __init__(self, decision: str, fitting: str) -> None:
        super().__init__(f"A case of this kind is decided as one of: {fitting}.", decision=decision, fitting=fitting)
