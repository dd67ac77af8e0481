-- Four roles that nobody can log in as; migrations grant them to the logins of the URLs.
-- None is superuser and none bypasses row-level security: forced policies bind even the owner.
DO $$
DECLARE
  v_role text;
BEGIN
  FOREACH v_role IN ARRAY ARRAY['headrace_owner', 'headrace_definer', 'headrace_gateway', 'headrace_operator'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = v_role) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', v_role);
    END IF;
    BEGIN
      -- From PostgreSQL 16 on, who creates a role may grant it, but not yet become it.
      EXECUTE format('GRANT %I TO CURRENT_USER', v_role);
    EXCEPTION WHEN insufficient_privilege THEN
      NULL; -- somebody else made the roles, and granted them to this login
    END;
  END LOOP;
END
$$;
