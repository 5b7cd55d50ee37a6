"""Starting an onboarding: one for each applicant, however often its session is resumed."""

from app.errors import Missing
from app.identity.users import User
from app.orchestrator.flows.onboarding import ONBOARDING, Onboarding
from app.orchestrator.journal import SagaRecord
from app.orchestrator.starting import Asked, Flows

_ATTEMPTS_MAX = 10
_IN_VAIN = {"compensated", "cancelled"}


class Onboardings:
    """Makes customers of people who verify themselves."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    async def start(self, user: User) -> SagaRecord:
        """The user's onboarding, begun if there is none that may still succeed. Raises Missing without an applicant.

        One that ended in vain is followed by another once the person is no longer refused: the vendor may have taken
        its verdict back.
        """
        if user.applicant_id is None:
            raise Missing("applicant")
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            onboarding = await self._begin(user, user.applicant_id, attempt)
            if onboarding.status not in _IN_VAIN or user.compliance_level == "rejected":
                break
        return onboarding

    async def _begin(self, user: User, applicant_id: str, attempt: int) -> SagaRecord:
        async def prepare(_saga_id: str) -> Onboarding:
            return Onboarding(applicant_id=applicant_id)

        content = {"applicant_id": applicant_id}
        asked = Asked(user.tenant, user.user_id, f"{applicant_id}:{attempt}", content)
        return await self._flows.start(ONBOARDING, asked, prepare)
