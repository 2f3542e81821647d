-- Where a version of a policy comes from: the configuration, or a person who adopted it by command; and why.
ALTER TABLE policy_versions ADD COLUMN source text NOT NULL DEFAULT 'configuration' CHECK (source IN ('configuration', 'command'));
ALTER TABLE policy_versions ADD COLUMN adopted_by text;
ALTER TABLE policy_versions ADD COLUMN reason text;
