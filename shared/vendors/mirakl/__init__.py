"""Best Buy Canada's marketplace, through Mirakl's seller API.

`client` asks and is the only one with I/O; `responses` says what came back, `mapper` makes orders and threads of
it, `answers` holds the vendor's shapes.
"""
