//! A request that the API server did not fulfil.

use std::fmt;
use std::time::Duration;

use api::duration;
use kube::core::Status;
use ports::Kind;

use crate::cause;

/// A failed request to the API server: what was being done, to which object, and why it failed.
///
/// It is a plain value (`Clone`, `PartialEq`), so that it can be an outcome in a journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to {doing} {object}: {detail}")]
pub struct Error {
    /// What was being done.
    pub doing: Doing,
    /// To what: `Deployment podinfo.test`, or a resource as a whole.
    pub object: String,
    /// Why it failed.
    pub reason: Reason,
    /// The words of the server or of the network.
    pub detail: String,
}

impl Error {
    /// Whether starting again from a fresh look can succeed without anybody changing anything.
    pub fn retriable(&self) -> bool {
        match self.reason {
            Reason::AlreadyExists
            | Reason::Busy
            | Reason::Conflict
            | Reason::Deposed
            | Reason::TimedOut
            | Reason::Unavailable => true,
            Reason::Forbidden | Reason::Invalid | Reason::NotFound | Reason::Unauthorized | Reason::Unreadable => false,
        }
    }

    /// The category: a bounded set, fit for a metric label or an event's reason.
    pub fn category(&self) -> &'static str {
        self.reason.label()
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self.reason {
            Reason::Forbidden => Some(
                "grant this verb to flagger's ServiceAccount; the ClusterRole in charts/flagger/rbac.yaml has them all",
            ),
            Reason::Unauthorized => {
                Some("the credentials are missing or expired; check the kubeconfig or ServiceAccount")
            }
            Reason::Unavailable | Reason::TimedOut => {
                Some("check that the API server runs and can be reached from here")
            }
            _ => None,
        }
    }

    /// A request that we did not wait for any longer.
    pub(crate) fn late(object: impl fmt::Display, after: Duration) -> Self {
        Self::new(Doing::Update, object, Reason::TimedOut, format!("timed out after {}", duration::format(after)))
    }

    /// An answer without the object that was asked for.
    pub(crate) fn unreadable(object: impl fmt::Display, detail: &str) -> Self {
        Self::new(Doing::Update, object, Reason::Unreadable, detail)
    }

    /// A write that a replica without the leader's tenure does not make.
    pub(super) fn deposed(object: impl fmt::Display) -> Self {
        Self::new(Doing::Update, object, Reason::Deposed, "this replica does not lead any more")
    }

    pub(super) fn new(doing: Doing, object: impl fmt::Display, reason: Reason, detail: impl Into<String>) -> Self {
        Self { doing, object: object.to_string(), reason, detail: detail.into() }
    }

    /// Says which kind is missing, where that is why an object could not be created. The server itself says "page not found".
    pub(super) fn about_kind(self, kind: Option<Kind>) -> Self {
        let is_kind = self.doing == Doing::Create
            && self.reason == Reason::NotFound
            // Of the objects that a creation needs, the namespace alone may be missing.
            && !self.detail.starts_with("namespaces ");
        match kind.filter(|_| is_kind) {
            Some(kind) => Self { detail: not_installed(kind), ..self },
            None => self,
        }
    }

    /// Classifies what the client library reports.
    pub(super) fn from_kube(doing: Doing, object: impl fmt::Display, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::new(doing, object, Reason::of(status), detail_of(status)),
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
                Self::new(doing, object, Reason::Unreadable, cause::innermost(error))
            }
            kube::Error::Auth(_) => Self::new(doing, object, Reason::Unauthorized, cause::innermost(error)),
            _ => Self::new(doing, object, Reason::Unavailable, cause::innermost(error)),
        }
    }
}

/// The request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Creating an object.
    Create,
    /// Deleting an object.
    Delete,
    /// Reading one object.
    Get,
    /// Reading objects of one kind.
    List,
    /// Merging fields into an object.
    Patch,
    /// Merging fields into an object's status.
    PatchStatus,
    /// Replacing a whole object.
    Update,
    /// Following the changes of one kind.
    Watch,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Get => "get",
            Self::List => "list",
            Self::Patch => "patch",
            Self::PatchStatus => "patch the status of",
            Self::Update => "update",
            Self::Watch => "watch",
        })
    }
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody else has created it since we looked.
    AlreadyExists,
    /// The server asks for fewer requests (429).
    Busy,
    /// Somebody else has changed it since we looked.
    Conflict,
    /// This replica does not lead any more, and may not write.
    Deposed,
    /// RBAC or admission says no.
    Forbidden,
    /// The object breaks its schema or a validation rule.
    Invalid,
    /// No such object, namespace or kind.
    NotFound,
    /// No answer in time.
    TimedOut,
    /// The server does not know us.
    Unauthorized,
    /// The server can't be reached, or is broken at the moment (5xx).
    Unavailable,
    /// The answer is no Kubernetes object.
    Unreadable,
}

impl Reason {
    /// The name in snake case.
    pub fn label(self) -> &'static str {
        match self {
            Self::AlreadyExists => "already_exists",
            Self::Busy => "busy",
            Self::Conflict => "conflict",
            Self::Deposed => "deposed",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::TimedOut => "timed_out",
            Self::Unauthorized => "unauthorized",
            Self::Unavailable => "unavailable",
            Self::Unreadable => "unreadable",
        }
    }

    fn of(status: &Status) -> Self {
        match (status.code, status.reason.as_str()) {
            (409, "AlreadyExists") => Self::AlreadyExists,
            (401, _) => Self::Unauthorized,
            (403, _) => Self::Forbidden,
            (404, _) => Self::NotFound,
            (408 | 504, _) => Self::TimedOut,
            (409, _) => Self::Conflict,
            (429, _) => Self::Busy,
            (500.., _) => Self::Unavailable,
            _ => Self::Invalid,
        }
    }
}

/// What is said of a kind that the API server does not know.
pub(super) fn not_installed(kind: Kind) -> String {
    format!("kind {} of {} is not installed in the cluster", kind.kind, kind.api_version())
}

fn detail_of(status: &Status) -> String {
    match (status.message.is_empty(), status.reason.is_empty()) {
        (false, _) => status.message.clone(),
        (true, false) => status.reason.clone(),
        (true, true) => format!("the server answered {}", status.code),
    }
}
