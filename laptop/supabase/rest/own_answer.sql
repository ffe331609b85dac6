-- Rolls back a call whose function sets the status or the headers of the answer: this server does not imitate that.
do $$
begin
    if coalesce(current_setting('response.status', true), '') <> ''
        or coalesce(current_setting('response.headers', true), '') <> '' then
        raise sqlstate 'PGRST' using
            message = json_build_object(
                'code', 'PGRST127', 'message', 'Feature not implemented',
                'details', 'a function that sets response.status or response.headers:'
                    ' the local server does not imitate this (docs/supabase-local.md)'
            ),
            detail = '{"status": 501, "headers": {}}';
    end if;
end
$$
