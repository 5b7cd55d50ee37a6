"""Identity verification: started by the customer, decided by the vendor, required before money moves."""

from datetime import datetime

from app.errors import KycRequired, ProviderUnavailable
from app.identity.principals import Principal
from app.identity.store import Users
from app.identity.users import User, stored_id_of
from app.providers.outcomes import OutcomeUnknown, Unavailable
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


async def apply_review(review: Review, users: Users, at: datetime) -> User | None:
    """Note where the verification stood at that moment, unless a later one is known. None: no user of ours.

    The absence of a green verdict means not verified, so a review that is opened again takes the permission away.
    """
    stored_id = stored_id_of(review.external_user_id)
    user = await users.by_id(stored_id) if stored_id else None
    if user is None:
        return None
    await users.start_verification(user.stored_id, review.applicant_id)
    level = "pending" if review.level == "none" else review.level
    return await users.set_level(user.stored_id, level, at)


def require_verified(user: User) -> None:
    """Raise KycRequired unless the person is verified."""
    if user.compliance_level != "verified":
        raise KycRequired(user.compliance_level)
