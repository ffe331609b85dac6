"""Canada Post's shipping, by either of its APIs.

`json_api` and `xml_api` are the two clients, `carrier` holds what they share, `session`, `transport` and `tokens`
make the calls. The rest is pure: `limits` and `shipment` make a request, `json_mapper` and `xml_mapper` write it and
read answers, `outcomes` decides what an answer means, `links` decides which links may be followed.
"""
