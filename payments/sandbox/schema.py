"""The tables of the state file: one script for each version, each building on the one before."""

FIRST = """
CREATE TABLE orders (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    receipt TEXT UNIQUE,
    created_at INTEGER NOT NULL,
    authorized INTEGER NOT NULL DEFAULT 0,
    capture TEXT NOT NULL,
    entity TEXT NOT NULL
);
CREATE TABLE payments (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    order_id TEXT NOT NULL REFERENCES orders (id),
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    captured_at INTEGER,
    automatic_until REAL NOT NULL,
    expires_at REAL NOT NULL,
    entity TEXT NOT NULL
);
CREATE INDEX payments_by_order ON payments (order_id);
CREATE INDEX payments_by_capture ON payments (captured_at);
CREATE INDEX payments_uncaptured ON payments (expires_at) WHERE status = 'authorized';
CREATE TABLE refunds (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    payment_id TEXT NOT NULL REFERENCES payments (id),
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    entity TEXT NOT NULL
);
CREATE INDEX refunds_by_payment ON refunds (payment_id);
CREATE INDEX refunds_by_time ON refunds (created_at);
CREATE TABLE refund_keys (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    refund_id TEXT NOT NULL REFERENCES refunds (id)
);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    event TEXT NOT NULL,
    body BLOB NOT NULL,
    signature TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES events (id),
    state TEXT NOT NULL,
    started_at REAL NOT NULL,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_status TEXT
);
CREATE INDEX deliveries_by_event ON deliveries (event_id);
CREATE INDEX deliveries_pending ON deliveries (due_at) WHERE state = 'pending';
CREATE TABLE endpoint (disabled_at INTEGER);
INSERT INTO endpoint VALUES (NULL);
"""
DISPUTES_AND_ADJUSTMENTS = """
CREATE TABLE disputes (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    payment_id TEXT NOT NULL REFERENCES payments (id),
    created_at INTEGER NOT NULL,
    entity TEXT NOT NULL
);
CREATE TABLE adjustments (
    entity_id TEXT PRIMARY KEY,
    difference INTEGER NOT NULL
);
"""
LOST_DISPUTES = """
ALTER TABLE disputes ADD COLUMN lost_at INTEGER;
CREATE INDEX disputes_by_loss ON disputes (lost_at);
"""
SCRIPTS = (FIRST, DISPUTES_AND_ADJUSTMENTS, LOST_DISPUTES)
SCHEMA_VERSION = len(SCRIPTS)
