-- Limits that lend to one another what they do not use: those of one `cohort`, which is a word of the operator's.
-- `borrowing` and `lending` bound what one takes and gives in the limit's own unit; NULL: whatever there is.
ALTER TABLE headrace.limits
  ADD COLUMN cohort text COLLATE "C",
  ADD COLUMN borrowing bigint CHECK (borrowing >= 0),
  ADD COLUMN lending bigint CHECK (lending >= 0);
CREATE INDEX limits_of_cohort ON headrace.limits (cohort) WHERE cohort IS NOT NULL;
