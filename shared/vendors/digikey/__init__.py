"""DigiKey's Product Information API v4.

`client` makes the calls and is the only module with I/O. `responses` decides what an answer means, `matching`
whether it is about the right part; `mapper` makes a product of it, `answers` holds the vendor's shapes.
"""
