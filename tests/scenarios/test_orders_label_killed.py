"""The deployed `create_labels` in its own process, killed at each point that costs money."""

import pytest

from tests.canada_post_support import ARTIFACTS, BACKENDS, SHIPMENTS
from tests.faults import held, rpc
from tests.orders_support import LABEL, RunningFulfillment

pytestmark = pytest.mark.slow


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fulfillment(fulfillment: RunningFulfillment) -> RunningFulfillment:
    fulfillment.at_the_real_time()
    fulfillment.post.behave(visibility_delay=240, duplicates="sell")
    return fulfillment


@pytest.mark.parametrize(
    ("part", "path", "effect", "sold"),
    [
        pytest.param("rest", rpc("open_shipment"), "none", 0, id="before the intent is committed"),
        pytest.param("rest", rpc("open_shipment"), "before", 0, id="before the call"),
        pytest.param("post", SHIPMENTS, "none", 0, id="during a call that comes to nothing"),
        pytest.param("post", SHIPMENTS, "before", 1, id="during a call that sells"),
        pytest.param("rest", rpc("note_label_bought"), "none", 1, id="after the call, before the commit"),
        pytest.param("rest", rpc("note_label_bought"), "before", 1, id="after the commit"),
        pytest.param("post", ARTIFACTS, "none", 1, id="while the PDF is fetched"),
        pytest.param("rest", "/storage/v1/object", "none", 1, id="before the PDF is on the shelf"),
    ],
)
def test_create_labels_killed(
    fulfillment: RunningFulfillment, part: str, path: str | dict[str, str], effect: str, sold: int
) -> None:
    orders = fulfillment.accepted(3)
    where = path if isinstance(path, str) else path[fulfillment.backend]
    method = "POST" if path is SHIPMENTS else None
    fulfillment.kill_while_held("create_labels", part, held(where, effect=effect, method=method))
    assert sum(fulfillment.sold(order) for order in orders) == sold

    fulfillment.outlive_the_lease(LABEL)
    fulfillment.fire(LABEL)
    fulfillment.cycle_until_settled(*orders)
    fulfillment.assert_shipped_with_one_label(*orders)


def test_a_killed_purchase_is_not_repeated_while_the_carrier_does_not_show_it_yet(
    fulfillment: RunningFulfillment,
) -> None:
    (order,) = fulfillment.accepted()
    sale = held(SHIPMENTS[fulfillment.backend], effect="before", method="POST")
    fulfillment.kill_while_held("create_labels", "post", sale)
    fulfillment.outlive_the_lease(LABEL)
    fulfillment.fire(LABEL)
    assert (fulfillment.state(order), fulfillment.sold(order)) == ("label_unknown", 1)

    fulfillment.cycle_until_settled(order)
    fulfillment.assert_shipped_with_one_label(order)
