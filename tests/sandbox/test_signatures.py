from decimal import Decimal

import pytest

from app.sandbox import exact_json
from app.sandbox.tatum.notices import signature as tatum_signature
from app.sandbox.unit.events import signature as unit_signature


def test_unit_webhooks_are_signed_as_the_vendors_sdk_accepts_them() -> None:
    body = b'{"data":[{"id":"1001","type":"payment.returned","attributes":{"reason":"InsufficientFunds"}}]}'
    assert unit_signature("unit-secret-1", body) == "S3hY2I++kQswQL+2TVxHlhNxxYg="


def test_tatum_webhooks_are_signed_as_documented() -> None:
    body = b'{"address":"0xabc","amount":"0.5","txId":"0x01"}'
    expected = "xtFsggZKOD6/8qhMTUjedJvlR1Vsq0iDS8tuQ5IhbRMAAUBhidn81uWke8VtSF1per5pOAdgCFwkmRezWizCjg=="
    assert tatum_signature("tatum-hmac-1", body) == expected


def test_numbers_keep_the_digits_they_came_with() -> None:
    text = '{"value":0.00100,"whole":12345678901234567890,"text":"Zoë","flag":true,"none":null,"list":[1.10]}'
    assert exact_json.write(exact_json.read(text)) == text
    assert exact_json.write(Decimal("1E-8")) == "0.00000001"


def test_a_float_is_never_written_and_nan_never_read() -> None:
    with pytest.raises(TypeError):
        exact_json.write({"amount": 0.1})
    with pytest.raises(ValueError, match="NaN"):
        exact_json.read('{"amount":NaN}')
