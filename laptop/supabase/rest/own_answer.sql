-- Fails after a function that set the status or the headers of the answer, which this server does not imitate. The
-- failure is a setting that does not exist: plain SQL cannot raise, and a DO block is compiled for each call. The query
-- that calls the function selects it, beside what needs the function's result first.
select case
    when coalesce(current_setting('response.status', true), '') || coalesce(current_setting('response.headers', true), '') <> ''
    then current_setting('laptop.own_answer')
end
