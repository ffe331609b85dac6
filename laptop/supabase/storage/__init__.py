"""The laptop cloud's Supabase Storage: the few calls that Switchyard makes, on a folder.

docs/supabase-local.md says what it imitates and what it does not.
"""
