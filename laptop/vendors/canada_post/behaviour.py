from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Behaviour(BaseModel):
    """How the carrier behaves where the real one is slow, unconfirmed or untidy.

    `visibility_delay`: seconds until a look-up finds what was just sold; `hidden_as` is what it answers till then
    (`working`, a 202, is the JSON API's alone). `pending_labels`: how often a label is not ready yet. `duplicates`:
    whether a request id that was served is served again; the worst case, and the default, is that it is. `suspend`:
    how many of the next shipments are suspended. `calls_per_minute`: above it a key is throttled until the minute is
    over. `link_style`: how links are written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    visibility_delay: Annotated[float, Field(ge=0, le=86_400)] = 0
    hidden_as: Literal["none", "not_found", "working"] = "none"
    pending_labels: Annotated[int, Field(ge=0, le=1000)] = 1
    duplicates: Literal["sell", "refuse"] = "sell"
    suspend: Annotated[int, Field(ge=0)] = 0
    calls_per_minute: Annotated[int, Field(ge=0)] | None = None
    link_style: Literal["plain", "quoted", "relative"] = "plain"
