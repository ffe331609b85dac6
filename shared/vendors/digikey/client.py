import re
import ssl
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from shared.clock import Clock, system_clock
from shared.enrichment.ports import (
    ErrorCategory,
    Found,
    JsonObject,
    LookUp,
    Product,
    Refused,
    Unavailable,
)
from shared.enrichment.routing.identity import manufacturer_key, spellings
from shared.vendors.digikey.account import DigiKeyCredentials, DigiKeyLocale, checked_headers
from shared.vendors.digikey.answers import DetailsAnswer, SearchAnswer, is_search
from shared.vendors.digikey.hits import CANDIDATES, SEARCH_LIMIT, SearchHits, chosen
from shared.vendors.digikey.mapper import VENDOR, product_from_answer, product_of
from shared.vendors.digikey.matching import is_asked_for, is_own
from shared.vendors.digikey.responses import (
    Failure,
    answer_of,
    error_text,
    evidence,
    failure,
    token_of,
)
from shared.vendors.response import Response
from shared.vendors.tokens import Token, TokenCache
from shared.vendors.transport import (
    AnswerTooLarge,
    AnswerUnreadable,
    CallBounds,
    Transport,
    TransportFailure,
)

_TOKEN_PATH = "/v1/oauth2/token"  # noqa: S105  # an address, not a secret
_SEARCH_PATH = "/products/v4/search"
_LONGEST_PART_NUMBER = 250
_MOST_PAGES = 3  # of a search, each a call of the day's
_OK, _BAD_REQUEST, _UNAUTHORIZED = 200, 400, 401


@dataclass(frozen=True)
class DigiKeyBounds(CallBounds):
    """An answer is one part, or a page of 50."""

    largest_answer: int = 2_000_000


class DigiKeyCatalogue:
    """The PartCatalogue port on DigiKey's Product Information API v4, by the 2-legged OAuth flow.

    One per process: threads share its connections and its token. The client repeats no call, since the queue
    counts attempts, with one exception: after a 401 it tries a new token once. Raises SettingsInvalid for an
    address or credentials that cannot be used. `tls` is a context to share: each costs 20 ms and more.
    """

    def __init__(
        self,
        credentials: DigiKeyCredentials,
        *,
        base_url: str = "https://api.digikey.com",
        locale: DigiKeyLocale | None = None,
        bounds: DigiKeyBounds | None = None,
        clock: Clock = system_clock,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._transport = Transport("DigiKey", base_url, bounds or DigiKeyBounds(), tls, lean=True)
        self._credentials = credentials
        self._headers = checked_headers(credentials, locale or DigiKeyLocale())
        self._clock = clock
        self._tokens: TokenCache[Failure] = TokenCache(self._new_token, clock)

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    vendor = VENDOR

    # --- the port -------------------------------------------------------------------------------------------

    def look_up(self, pn: str, manufacturer: str | None) -> LookUp:
        """Asks for the part, and once more without inner spaces if the vendor does not know the number with them.

        A record with a maker asks for the details: one call for nearly every record. Without a maker only a search
        can tell whether several have the number. `Found.answer` has the shape of a details answer, whichever call it
        came from.
        """
        outcome: LookUp = Refused(ErrorCategory.NOT_FOUND, f"not a part number: {pn.strip()[:40]!a}")
        for asked in filter(_can_be_asked, spellings(pn)):
            named = bool(manufacturer_key(manufacturer))
            outcome = self._described(asked, manufacturer) if named else self._search(asked, None)
            if not _is_unknown(outcome):
                break
        return outcome

    def read(self, answer: JsonObject, pn: str, manufacturer: str | None) -> Product | Refused:
        return product_from_answer(answer, pn, manufacturer)

    def _described(self, asked: str, manufacturer: str | None) -> LookUp:
        """The details, or a search if the number is ambiguous or another part comes back.

        A division's part is searched as well, since another division of the maker may have the number.
        """
        answer = self._details(asked)
        if not isinstance(answer, dict):
            return answer or self._search(asked, manufacturer)
        read = DetailsAnswer.model_validate(answer)
        product = read.product
        if product is None:
            return Refused(ErrorCategory.INVALID_RESPONSE, "DigiKey's answer holds no product", answer)
        if is_asked_for(product, asked, manufacturer) and is_own(product, manufacturer):
            maker = product.manufacturer.name
            return Found(answer, product_of(read, product, maker, asked) if maker else None)
        return self._search(asked, manufacturer)

    def _details(self, pn: str) -> dict[str, Any] | Failure | None:
        """The details answer, or None if only a search can find the part."""
        if set(pn) == {"."}:  # dots alone would change the path
            return None
        response = self._ask("GET", f"{_SEARCH_PATH}/{quote(pn, safe='')}/productdetails")
        if not isinstance(response, Response):
            return response
        if response.status == _BAD_REQUEST:  # "Duplicate Products": several manufacturers have this number
            return None
        return answer_of(response, self._clock())

    def _search(self, asked: str, manufacturer: str | None) -> LookUp:
        """Reads pages until the candidates are known to be all, at most `_MOST_PAGES`; without a candidate, one."""
        hits = SearchHits()
        for page in range(_MOST_PAGES):
            query = {"Keywords": asked, "Limit": SEARCH_LIMIT, "Offset": page * SEARCH_LIMIT}
            response = self._ask("POST", f"{_SEARCH_PATH}/keyword", json=query)
            if not isinstance(response, Response):
                return response
            answer = answer_of(response, self._clock())
            if not isinstance(answer, dict):
                return answer
            if not is_search(answer):
                return Refused(ErrorCategory.INVALID_RESPONSE, "DigiKey's answer holds no search", answer)
            hits = hits.with_page(SearchAnswer.model_validate(answer))
            if hits.settled(asked, manufacturer):
                break
        return chosen(hits, asked, manufacturer)

    # --- calls ----------------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, **content: Any) -> Response | Failure:  # noqa: ANN401  # httpx's own
        """Makes one authorised call, and a second one with a new token after a 401."""
        token = self._tokens.current()
        if not isinstance(token, Token):
            return token
        response = self._send(method, path, headers=self._authorised(token), **content)
        if not isinstance(response, Response) or response.status != _UNAUTHORIZED:
            return response
        self._tokens.forget(token.authorization)
        token = self._tokens.current()
        if not isinstance(token, Token):
            return token
        return self._send(method, path, headers=self._authorised(token), **content)

    def _authorised(self, token: Token) -> dict[str, str]:
        return {"Authorization": token.authorization, **self._headers}

    def _new_token(self) -> Token | Failure:
        form = {
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
            "grant_type": "client_credentials",
        }
        asked_at = self._clock()
        response = self._send("POST", _TOKEN_PATH, data=form, headers={"Accept": "application/json"})
        if not isinstance(response, Response):
            return response
        if response.status in {400, 401, 403, 404}:
            message = f"DigiKey gave no token: {response.status} {error_text(response)}"
            return Refused(ErrorCategory.AUTH, message, evidence(response))
        if response.status != _OK:
            return failure(response, asked_at)
        granted = token_of(response)
        if granted is None:  # no fault of the record, and the body may hold a token: it is not kept
            return Unavailable(ErrorCategory.VENDOR_ERROR, "DigiKey's token answer cannot be read")
        return Token.granted(granted.access_token, granted.expires_in, asked_at)

    def _send(self, method: str, path: str, **content: Any) -> Response | Failure:  # noqa: ANN401  # httpx's own
        try:
            response = self._transport.send(method, path, **content)
        except (AnswerTooLarge, AnswerUnreadable) as failed:
            return Refused(ErrorCategory.INVALID_RESPONSE, str(failed))
        except TransportFailure as failed:
            return Unavailable(
                ErrorCategory.TIMEOUT if failed.late else ErrorCategory.VENDOR_ERROR, str(failed)
            )
        # the text of a failure is logged and stored
        return (
            response
            if response.status == _OK
            else response.masked([self._credentials.client_secret, *self._tokens.secrets()])
        )


def _can_be_asked(pn: str) -> bool:
    """Whether it fits into a URL: not blank, not too long, no surrogates, no control characters."""
    return 0 < len(pn) <= _LONGEST_PART_NUMBER and not re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", pn)


def _is_unknown(outcome: LookUp) -> bool:
    """Whether the vendor has no product of this number, whoever makes it."""
    if not isinstance(outcome, Refused) or outcome.category is not ErrorCategory.NOT_FOUND:
        return False
    return CANDIDATES not in (outcome.answer or ())
