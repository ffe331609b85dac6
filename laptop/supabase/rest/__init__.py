"""The laptop cloud's Supabase REST server: the part of PostgREST that Switchyard uses, with its roles and its errors.

docs/supabase-local.md says what it imitates and what it does not.
"""
