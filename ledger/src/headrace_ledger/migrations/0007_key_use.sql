-- When a key was last used, to the minute or two: it is written apart from the requests that use it.
ALTER TABLE headrace.api_keys ADD COLUMN last_used_at timestamptz;
