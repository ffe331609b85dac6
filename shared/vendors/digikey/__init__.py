"""DigiKey's Product Information API v4.

`client` asks and is the only one with I/O; `responses` says what came back, `matching` whether it is the
right part, `mapper` makes a product of it, `answers` holds the vendor's shapes.
"""
