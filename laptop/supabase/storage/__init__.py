"""A local Supabase Storage on a folder: upload, download, info and list.

docs/supabase-local.md lists what it imitates and what it does not.
"""
