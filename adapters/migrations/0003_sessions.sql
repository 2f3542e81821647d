-- Who may sign in to the console. No passwords: people come by a one-time link, by OpenID Connect (issuer and subject), or with an API key.
CREATE TABLE people (
    id          text PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 120),
    role        text NOT NULL CHECK (role IN ('finance', 'auditor', 'ops', 'admin')),
    issuer      text,
    subject     text,
    created_at  timestamptz NOT NULL,
    disabled_at timestamptz,
    UNIQUE (issuer, subject)
);

-- Links that sign one person in, once. Only a digest is kept, as of everything that opens a door.
CREATE TABLE sign_in_links (
    digest     bytea PRIMARY KEY,
    person     text NOT NULL REFERENCES people,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

-- Open visits to the console. `key_id`: signed in with that key, and ended with it.
CREATE TABLE sessions (
    id         text PRIMARY KEY,
    digest     bytea NOT NULL UNIQUE,
    person     text REFERENCES people,
    key_id     text REFERENCES api_keys,
    how        text NOT NULL CHECK (how IN ('link', 'oidc', 'key')),
    address    text,
    agent      text,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    CHECK ((person IS NULL) <> (key_id IS NULL))
);
CREATE INDEX sessions_of_person ON sessions (person) WHERE ended_at IS NULL;

-- Sign-ins on their way to the identity provider and back.
CREATE TABLE oidc_tries (
    digest     bytea PRIMARY KEY,
    verifier   text NOT NULL,
    nonce      text NOT NULL,
    back       text NOT NULL,
    expires_at timestamptz NOT NULL
);

-- What people and programs did with their rights: sign-ins, exports, use of keys. Only ever added to.
CREATE TABLE audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    what    text NOT NULL,
    who     text,
    role    text,
    address text,
    detail  text
);
CREATE INDEX audit_failures ON audit (address, at) WHERE what = 'sign_in.failed';

ALTER TABLE api_keys ADD COLUMN used_at timestamptz;
