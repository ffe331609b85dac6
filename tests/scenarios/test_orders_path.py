from tests.orders_support import ACCEPT, LABEL, TRACK, OrderLine


def test_new_orders_are_shipped_within_one_cycle(order_line: OrderLine) -> None:
    orders = order_line.waiting(5)
    answers = order_line.cycle()
    order_line.assert_shipped_with_one_label(*orders)
    assert order_line.path(orders[0]) == ["pending_acceptance", "accepted", "label_created", "shipped"]
    assert {stage: answers[stage]["done"] for stage in (ACCEPT, LABEL, TRACK)} == {
        ACCEPT: 5,
        LABEL: 5,
        TRACK: 5,
    }
