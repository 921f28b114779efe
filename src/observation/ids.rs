//! The ids and names of parts of a cluster and of a policy.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Defines a cheap-to-copy identifier.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is, unchecked.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text that was given to [`Self::new`].
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

identifier! {
    /// An instance group (`ig-...`), or one market of a fleet (`if-.../spot`).
    GroupId
}
identifier! {
    /// An EC2 instance (`i-...`).
    InstanceId
}
identifier! {
    /// The name under which a policy declares a CloudWatch metric.
    MetricId
}
identifier! {
    /// The name of a rule, unique within its target.
    RuleName
}
