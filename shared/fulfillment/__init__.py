"""Fulfillment: accepts orders, buys labels, sends tracking numbers, fetches messages. Never buys a label twice.

Four stages run in sequence. Each picks its orders by state, so it can be repeated at any time without harm.
"""
