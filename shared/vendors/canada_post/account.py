"""The account and the sender that labels are bought with; pure."""

import re
from dataclasses import dataclass, field
from typing import Literal

from shared.errors import SettingsInvalid
from shared.fulfillment.carrier import Party
from shared.vendors.canada_post.limits import sender_complaint

LabelFormat = Literal["4x6", "8.5x11"]


@dataclass(frozen=True)
class JsonCredentials:
    """An application of the developer portal. Its credentials select test or production."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class XmlCredentials:
    """The two halves of an API key; development and production have separate ones."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Settlement:
    """The payment. `method`: Account, CreditCard or SupplierAccount; by default Account if there is a contract.

    Without one it is CreditCard: the account's default card is charged at once.
    """

    contract_id: str | None = None
    paid_by_customer: str | None = None
    method: str | None = None

    @property
    def payment(self) -> str:
        return self.method or ("Account" if self.contract_id else "CreditCard")


@dataclass(frozen=True)
class ShippingAccount:
    """`mailed_by` is the mailer's customer number, `mobo` the number it mails on behalf of: by default the same.

    `email` goes into prepared refund requests. Raises SettingsInvalid for values that the carrier never accepts.
    """

    mailed_by: str
    sender: Party
    settlement: Settlement = Settlement()
    mobo: str | None = None
    label_format: LabelFormat = "4x6"
    email: str | None = None

    def __post_init__(self) -> None:
        numbers = {
            "customer number": self.mailed_by,
            "mailed-on-behalf-of number": self.on_behalf_of,
            "contract id": self.settlement.contract_id,
            "paid-by customer number": self.settlement.paid_by_customer,
        }
        for name, number in numbers.items():
            if number is not None and not re.fullmatch(r"[0-9]{1,10}", number):
                raise SettingsInvalid(f"Canada Post's {name} must be 1 to 10 digits")
        if wrong := sender_complaint(self.sender):
            raise SettingsInvalid(f"Canada Post: {wrong}")

    @property
    def on_behalf_of(self) -> str:
        return self.mobo or self.mailed_by
