-- Versions stand in the log, too, where nobody changes them unseen: `told` once they do.
ALTER TABLE policy_versions ADD COLUMN told boolean NOT NULL DEFAULT false;
