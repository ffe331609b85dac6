"""A local Supabase REST server: a subset of PostgREST with its roles and its errors.

docs/supabase-local.md lists what it imitates and what it does not.
"""
