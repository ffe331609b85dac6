from tests.orders_support import ACCEPT, LABEL, TRACK, RunningFulfillment


def test_new_orders_are_shipped_within_one_cycle(fulfillment: RunningFulfillment) -> None:
    orders = fulfillment.waiting(5)
    answers = fulfillment.cycle()
    fulfillment.assert_shipped_with_one_label(*orders)
    assert fulfillment.path(orders[0]) == ["pending_acceptance", "accepted", "label_created", "shipped"]
    assert {stage: answers[stage]["done"] for stage in (ACCEPT, LABEL, TRACK)} == {
        ACCEPT: 5,
        LABEL: 5,
        TRACK: 5,
    }
