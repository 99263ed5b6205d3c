-- Sign-in through applications: the applications, their sessions, codes, and the keys that sign.

-- Whether the user is marked: no content of it is ever captured.
ALTER TABLE users ADD COLUMN essential_traffic_only BOOLEAN NOT NULL DEFAULT FALSE;

-- A session of an application is a row of `tokens` of the kind `grant`, whose hash is that of no token:
-- all that was made in it, for itself or for agents, has it as parent.

-- The session whose own access or refresh token this is; what was made for agents has none.
ALTER TABLE tokens ADD COLUMN grant_id TEXT;
-- The resource that it is good for, as the application named it; NULL for this server.
ALTER TABLE tokens ADD COLUMN audience TEXT;
-- What may be known of the user by it: some of its session's names. NULL for what was made for agents.
ALTER TABLE tokens ADD COLUMN identity_scopes TEXT;
CREATE INDEX tokens_grants_by_expiry ON tokens (expires_at) WHERE kind = 'grant';
CREATE INDEX tokens_grants_by_revocation ON tokens (revoked_at) WHERE kind = 'grant' AND revoked_at IS NOT NULL;

-- Of a session what its row of `tokens` does not say.
CREATE TABLE grants (
    id TEXT NOT NULL PRIMARY KEY REFERENCES tokens (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    -- Names with blanks between: openid, email, profile, offline_access.
    identity_scopes TEXT NOT NULL,
    -- URLs with blanks between; empty for this server alone.
    resources TEXT NOT NULL,
    -- The machine, as the application called it.
    machine TEXT,
    -- Where the application was when the session began.
    address TEXT NOT NULL
);
CREATE INDEX grants_by_client ON grants (client_id);

-- Refresh tokens that were exchanged.
CREATE TABLE rotations (
    token_id TEXT NOT NULL PRIMARY KEY REFERENCES tokens (id) ON DELETE CASCADE,
    -- The session.
    grant_id TEXT NOT NULL,
    -- The refresh token that it was exchanged for.
    successor_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- What was answered, sealed under a key that only the exchanged token gives; NULL after some seconds.
    answer BYTEA
);
CREATE INDEX rotations_by_grant ON rotations (grant_id, at);
CREATE INDEX rotations_with_answer ON rotations (at) WHERE answer IS NOT NULL;

-- Applications that registered. The command line's own is not in here.
CREATE TABLE clients (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    -- web or native
    application_type TEXT NOT NULL,
    -- URLs with blanks between.
    redirect_uris TEXT NOT NULL,
    -- Names with blanks between.
    grant_types TEXT NOT NULL,
    -- none, client_secret_basic or client_secret_post
    authentication TEXT NOT NULL,
    -- SHA-256 of the secret in hexadecimal, where there is one.
    secret_hash TEXT,
    -- When an administrator vouched for it.
    approved_at BIGINT,
    -- Who registered it: an IPv4 address, the /64 of an IPv6 address, or loopback.
    address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When a session of it last began.
    used_at BIGINT
);
CREATE INDEX clients_by_address ON clients (address, created_at);
CREATE INDEX clients_unused ON clients (created_at) WHERE used_at IS NULL AND approved_at IS NULL;
CREATE INDEX clients_by_use ON clients (used_at) WHERE used_at IS NOT NULL AND approved_at IS NULL;

-- Answers of the authorization page, good once for a minute. The code itself is nowhere.
CREATE TABLE authorization_codes (
    hash BYTEA NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    -- SHA-256 of the verifier, as the application sent it.
    challenge TEXT NOT NULL,
    user_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    identity_scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    nonce TEXT,
    machine TEXT,
    -- Seconds that the session lives.
    lifetime BIGINT NOT NULL,
    -- What became of the temporary account that came along: merged, declined or unavailable.
    upgrade TEXT,
    -- When the person last proved the mailbox.
    signed_in_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    -- What it gave.
    grant_id TEXT
);
CREATE INDEX authorization_codes_unused ON authorization_codes (user_id, created_at) WHERE used_at IS NULL;
CREATE INDEX authorization_codes_by_expiry ON authorization_codes (expires_at);

-- Devices that wait for a person to let them in. Neither code is in here.
CREATE TABLE device_codes (
    id TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the device code.
    hash BYTEA NOT NULL UNIQUE,
    -- HMAC-SHA-256 of the user code under a key that is not in here.
    user_code_hash BYTEA NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    identity_scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    machine TEXT,
    address TEXT NOT NULL,
    -- Seconds that the session lives; until somebody decides, what the device proposes.
    lifetime BIGINT NOT NULL,
    -- The hash of the ticket that came along; what became of its account, as for a code.
    ticket BYTEA,
    upgrade TEXT,
    -- pending, approved, denied or used
    state TEXT NOT NULL,
    -- Seconds between polls, and the last that was in time.
    poll_interval BIGINT NOT NULL,
    polled_at BIGINT,
    user_id TEXT,
    organization_id TEXT,
    signed_in_at BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- What it gave.
    grant_id TEXT
);
CREATE INDEX device_codes_by_expiry ON device_codes (expires_at);
CREATE INDEX device_codes_by_address ON device_codes (address, created_at);

-- One row per wrong or repeated try in the last hour, by what was tried.
CREATE TABLE oauth_failures (
    id TEXT NOT NULL PRIMARY KEY,
    -- user_code, device_code or client_secret
    what TEXT NOT NULL,
    -- Whose try it was: an address, a session of the pages, or a client.
    who TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX oauth_failures_by_who ON oauth_failures (what, who, at);
CREATE INDEX oauth_failures_by_time ON oauth_failures (at);

-- Keys that sign ID tokens.
CREATE TABLE signing_keys (
    id TEXT NOT NULL PRIMARY KEY,
    -- The public half, as a JSON web key.
    public_jwk TEXT NOT NULL,
    -- The private half, sealed under the master key.
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX signing_keys_by_time ON signing_keys (created_at);

-- Browsers at the pages, signed in or about to be. The cookie itself is nowhere.
CREATE TABLE page_sessions (
    id TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the cookie.
    hash BYTEA NOT NULL UNIQUE,
    -- Who is signed in; NULL before.
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    -- The mailbox that is being proven, and the request of the code.
    mailbox TEXT,
    request_id TEXT,
    signed_in_at BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX page_sessions_by_expiry ON page_sessions (expires_at);
CREATE INDEX page_sessions_by_user ON page_sessions (user_id) WHERE user_id IS NOT NULL;

-- Lets whoever signs in at the pages take a temporary account over, once. The ticket itself is nowhere.
CREATE TABLE upgrade_tickets (
    -- SHA-256 of the ticket.
    hash BYTEA NOT NULL PRIMARY KEY,
    -- The token of the temporary account.
    token_id TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX upgrade_tickets_by_token ON upgrade_tickets (token_id, created_at);
CREATE INDEX upgrade_tickets_by_expiry ON upgrade_tickets (expires_at);

INSERT INTO turns (name, n) VALUES ('oauth', 0);
