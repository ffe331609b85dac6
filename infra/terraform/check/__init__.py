"""Checks the Terraform with the real `terraform`, without its registry and without an account.

A provider on this machine knows the names and types of `hashicorp/google` (schema.json) and does nothing. Checked are
names, types, required arguments, nested blocks, references, and what `terraform test` asserts with mocks. Not checked
are allowed values and conflicts between arguments. `terraform plan` needs the true provider.
"""
