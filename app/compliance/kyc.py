"""Identity verification: started by the customer, decided by the vendor, required before money moves."""

from datetime import datetime

from pydantic import SecretStr

from app.errors import KycRequired, ProviderUnavailable, ShareTokenRefused
from app.identity.principals import Principal
from app.identity.store import Users
from app.identity.users import LEVELS, ComplianceLevel, User, stored_id_of
from app.providers.outcomes import Declined, OutcomeUnknown, Unavailable
from app.providers.ports import Review, SdkToken, VerifiesPeople


async def start_session(principal: Principal, users: Users, people: VerifiesPeople) -> tuple[User, SdkToken]:
    """Start or resume the caller's verification: the user with their applicant, and a token for the mobile SDK.

    Doing it again is harmless: the vendor finds the applicant by our reference. Raises ProviderUnavailable.
    """
    user = await users.get_or_create(principal)
    try:
        applicant = await people.applicant_for(user.reference)
        token = await people.sdk_token(user.reference)
    except (Unavailable, OutcomeUnknown) as outcome:
        raise ProviderUnavailable(outcome.provider) from outcome
    return await users.start_verification(user.stored_id, applicant.id), token


class Reviews:
    """Fetches reviews, and notes on our users what they say.

    Nobody told when it became so, and two clocks are never compared: it counts as of the last decision that was known
    when the vendor was asked, and in its place alone. Whatever is decided meanwhile is the later one.
    """

    def __init__(self, people: VerifiesPeople, users: Users) -> None:
        self._people = people
        self._users = users

    async def fetch(self, applicant_id: str) -> Review | None:
        """The review as it stands, noted unless something has been decided while the answer was on its way.

        Raises what reading from the vendor raises.
        """
        known = await self._users.by_applicant(applicant_id)
        review = await self._people.review(applicant_id)
        if known is not None and review is not None:
            as_known = known.level_at or known.created_at
            await self._users.set_level(known.stored_id, _level_of(review), as_known, over=(known.compliance_level,))
        return review


async def reuse_verification(
    principal: Principal, share_token: SecretStr, users: Users, people: VerifiesPeople
) -> User:
    """Let a verification that another company has had done count for the caller, as far as it is ours to take over.

    The vendor's verdict about it comes like any other. Raises ShareTokenRefused, ProviderUnavailable.
    """
    user = await users.get_or_create(principal)
    try:
        applicant = await people.reuse(share_token, user.reference)
    except Declined as declined:
        raise ShareTokenRefused from declined
    except (Unavailable, OutcomeUnknown) as outcome:
        raise ProviderUnavailable(outcome.provider) from outcome
    return await users.start_verification(user.stored_id, applicant.id)


async def apply_review(review: Review, users: Users, at: datetime, known: User | None = None) -> User | None:
    """Note where the verification stood at that moment, unless a later one is known.

    None: no user of ours, or something has been decided since ``known`` was read, before the vendor was asked. Then it
    has to be asked again.

    Of two events of one moment the more decided is right: the other was read before it, whenever it is written.

    The absence of a green verdict means not verified, so a review that is opened again takes the permission away.
    """
    stored_id = stored_id_of(review.external_user_id)
    user = await users.by_id(stored_id) if stored_id else None
    if user is None:
        return None
    await users.start_verification(user.stored_id, review.applicant_id)
    level = _level_of(review)
    noted = await users.set_level(user.stored_id, level, at, over=LEVELS[: LEVELS.index(level) + 1], known=known)
    decided = (noted.compliance_level, noted.level_at)
    if known is None or decided in {(level, at), (known.compliance_level, known.level_at)}:
        return noted
    return None


def _level_of(review: Review) -> ComplianceLevel:
    return "pending" if review.level == "none" else review.level


def require_verified(user: User) -> None:
    """Raise KycRequired unless the person is verified."""
    if user.compliance_level != "verified":
        raise KycRequired(user.compliance_level)
