//! When a request is sent again.

use std::time::Duration;

use http::StatusCode;

/// The policy of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Retries {
    /// Attempts after the first.
    pub(super) attempts: u32,
    /// For each attempt.
    pub(super) timeout: Option<Duration>,
    pub(super) on: Vec<On>,
}

/// What an answer is like that is not taken for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// Any server error.
    ServerError,
    /// 502, 503 or 504.
    GatewayError,
    /// 409.
    Conflict,
    /// This status.
    Status(u16),
}

/// The most attempts after the first, however many are asked for.
const ATTEMPTS: u32 = 10;

impl Retries {
    /// A policy as Istio writes it: `on` is a list such as `5xx,gateway-error,503`. Conditions that can't occur here (resets of
    /// HTTP/2 streams, gRPC) are left out; that a request which never left is sent elsewhere needs no policy.
    pub(super) fn read(attempts: u32, timeout: Option<Duration>, on: &str) -> Self {
        let conditions = on.split(',').filter_map(|word| match word.trim() {
            "5xx" => Some(On::ServerError),
            "gateway-error" => Some(On::GatewayError),
            "retriable-4xx" => Some(On::Conflict),
            "unavailable" => Some(On::Status(503)),
            word => word.parse().ok().map(On::Status),
        });
        let on = if on.is_empty() { vec![On::Status(503)] } else { conditions.collect() };
        Self { attempts: attempts.min(ATTEMPTS), timeout, on }
    }

    /// Whether an answer calls for another attempt.
    pub(super) fn wants(&self, status: StatusCode) -> bool {
        let code = status.as_u16();
        self.on.iter().any(|on| match on {
            On::ServerError => status.is_server_error(),
            On::GatewayError => matches!(code, 502..=504),
            On::Conflict => code == 409,
            On::Status(wanted) => code == *wanted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_answers_are_asked_for_again() {
        let wanted = |on: &str| {
            let retries = Retries::read(3, None, on);
            let wants = |code: &u16| retries.wants(StatusCode::from_u16(*code).unwrap());
            [409, 500, 503].into_iter().filter(wants).collect::<Vec<_>>()
        };
        let none: Vec<u16> = Vec::new();
        assert_eq!(wanted("5xx"), [500, 503]);
        assert_eq!(wanted("gateway-error, retriable-4xx"), [409, 503]);
        assert_eq!(wanted("500,connect-failure"), [500]);
        assert_eq!(wanted("connect-failure,refused-stream"), none);
        assert_eq!(wanted(""), [503]);
    }
}
