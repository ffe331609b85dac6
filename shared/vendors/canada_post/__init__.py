"""Canada Post's shipping, by either of its APIs.

`json_api` and `xml_api` are the two clients, `carrier` what both do in the same way, `transport` and `tokens` the
calls themselves. The rest is pure: `limits` and `shipment` make a request, `json_mapper` and `xml_mapper` write it
and read answers, `outcomes` says what those mean, `links` which of their links may be followed.
"""
