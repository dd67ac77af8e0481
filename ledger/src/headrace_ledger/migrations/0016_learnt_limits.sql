-- When a provider last said that it has this limit; NULL: somebody declared it.
ALTER TABLE headrace.limits ADD COLUMN learnt_at timestamptz;
GRANT INSERT, UPDATE, DELETE ON headrace.limits TO headrace_definer;
GRANT INSERT ON headrace.limit_sets TO headrace_definer;
GRANT UPDATE (updated_at) ON headrace.providers TO headrace_definer; -- to lock a row, nothing else
