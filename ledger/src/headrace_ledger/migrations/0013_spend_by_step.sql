-- What is left of forgotten calls is told by step too; an empty step: they were forgotten before.
ALTER TABLE headrace.spend ADD COLUMN step text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE headrace.spend DROP CONSTRAINT spend_pkey;
ALTER TABLE headrace.spend ADD PRIMARY KEY (tenant, day, namespace, pipeline, step, provider, model, currency);
