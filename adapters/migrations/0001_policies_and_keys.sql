-- The versions of each connection's policy, as they were adopted from the configuration.
CREATE TABLE policy_versions (
    merchant   text NOT NULL,
    platform   text NOT NULL,
    version    integer NOT NULL,
    policy     jsonb NOT NULL,
    adopted_at timestamptz NOT NULL,
    PRIMARY KEY (merchant, platform, version)
);

-- Keys to the HTTP API: only a digest is kept.
CREATE TABLE api_keys (
    id         text PRIMARY KEY,
    digest     bytea NOT NULL UNIQUE,
    role       text NOT NULL CHECK (role IN ('finance', 'auditor', 'ops', 'admin')),
    name       text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
