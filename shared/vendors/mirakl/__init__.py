"""Best Buy Canada's marketplace, through Mirakl's seller API.

`client` makes the calls and is the only module with I/O. `responses` decides what an answer means, `mapper` makes
orders and threads of it, `answers` holds the vendor's shapes.
"""
