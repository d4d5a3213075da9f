//! Webhook payloads and verdicts.
