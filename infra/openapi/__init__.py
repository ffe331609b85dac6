"""The OpenAPI document of all functions, made of their routes, their requests' models and docs/api.md."""
