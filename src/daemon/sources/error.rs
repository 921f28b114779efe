//! How reading from a source fails.

use std::time::Duration;

use crate::daemon::sources::sign_in::SignInProblem;
use crate::daemon::sources::untrusted;
use crate::safe_text::remark;

/// Why a source gave no usable answer. The values that it would have given are then unknown; they
/// are never guessed. What a service wrote is shown as a [`remark`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SourceError {
    /// No connection, or it broke.
    #[error(
        "{url}: cannot be reached ({}); check the address, and that this machine may connect to the port",
        remark(cause)
    )]
    Unreachable { url: String, cause: String },
    /// The certificate is not one that this machine trusts for this address.
    #[error(
        "{url}: its certificate is not trusted ({}); {}",
        remark(cause),
        untrusted::remedy(cause, setting)
    )]
    Untrusted {
        url: String,
        cause: String,
        /// The setting that names the certificates to trust.
        setting: &'static str,
    },
    /// No answer in time.
    #[error("{what}: no answer within {} s", after.as_secs_f64())]
    TimedOut { what: String, after: Duration },
    /// The answer exceeds the limit for this kind of answer.
    #[error("{url}: the answer is longer than {limit_bytes} bytes, the most that is read")]
    TooLarge { url: String, limit_bytes: usize },
    /// An HTTP status other than success.
    #[error("{url}: answered {status}")]
    Status { url: String, status: u16 },
    /// The service requires Kerberos over HTTP (SPNEGO), and the daemon is not set to sign in.
    #[error(
        "{url}: the service requires Kerberos (it answered 401 with `WWW-Authenticate: Negotiate`); set `kerberos.enabled = true` and give the daemon a keytab (see \"Kerberos\" in docs/operations.md)"
    )]
    KerberosRequired { url: String },
    /// The service requires Kerberos over HTTP, and the daemon could not sign in.
    #[error("{url}: cannot sign in with Kerberos: {problem}")]
    SignIn { url: String, problem: SignInProblem },
    /// An answer that cannot be parsed, or contradicts itself.
    #[error("{url}: the answer is not in the expected form: {}", remark(problem))]
    Malformed { url: String, problem: String },
    /// Answers that contradict each other, as they do for a moment while an application ends.
    #[error("{url}: {}", remark(problem))]
    Contradictory { url: String, problem: String },
    /// A highly available service of which none is active, or several claim to be.
    #[error("not exactly one {service} is active: {}", remark(states))]
    NoActive {
        service: &'static str,
        states: String,
    },
    /// AWS refused the call because there were too many.
    #[error("{operation} is throttled by AWS")]
    Throttled { operation: &'static str },
    /// The call was not made, because AWS throttled it a short time ago.
    #[error("{operation} was throttled by AWS; Headroom calls it again in {} s", wait.as_secs_f64().ceil())]
    BackingOff {
        operation: &'static str,
        wait: Duration,
    },
    /// AWS refused the call because a permission is missing.
    #[error("{operation} is not allowed; grant `{permission}` to the role of this machine")]
    AccessDenied {
        operation: &'static str,
        permission: &'static str,
    },
    /// AWS refused the call for another reason, in its own words.
    #[error("{operation}: {}", remark(message))]
    Refused {
        operation: &'static str,
        message: String,
    },
    /// YARN reports a node that EMR has not listed yet.
    #[error(
        "YARN node {} is not among the instances that EMR listed; they are listed again within a minute",
        remark(host)
    )]
    UnknownHost { host: String },
    /// The instances could not be listed since the size of a fleet changed.
    #[error(
        "the list of instances is older than the sizes of the fleets, so that it is not known which nodes \
         YARN lacks"
    )]
    InstancesOutdated,
    /// The call was not made: the budget of API calls is spent.
    #[error("{operation} was skipped to stay within `aws.calls_per_minute`")]
    OverBudget { operation: &'static str },
}

impl SourceError {
    /// The name of this kind of error, as metrics and logs show it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Untrusted { .. } => "untrusted",
            Self::TimedOut { .. } => "timed_out",
            Self::TooLarge { .. } => "too_large",
            Self::Status { .. } => "status",
            Self::KerberosRequired { .. } => "kerberos_required",
            Self::SignIn { problem, .. } => problem.label(),
            Self::Malformed { .. } => "malformed",
            Self::Contradictory { .. } => "contradictory",
            Self::NoActive { .. } => "no_active",
            Self::Throttled { .. } | Self::BackingOff { .. } => "throttled",
            Self::AccessDenied { .. } => "access_denied",
            Self::Refused { .. } => "refused",
            Self::UnknownHost { .. } => "unknown_host",
            Self::InstancesOutdated => "instances_outdated",
            Self::OverBudget { .. } => "over_budget",
        }
    }

    /// Whether the error is usual for a moment: only one that lasts is worth a line in the log.
    pub const fn is_momentary(&self) -> bool {
        matches!(
            self,
            Self::Contradictory { .. } | Self::UnknownHost { .. } | Self::InstancesOutdated
        )
    }
}
