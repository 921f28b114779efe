//! The test file as it is written.

use serde::Deserialize;

use crate::policy::document::{CountText, DurationText, Entries, NameLike};
use crate::policy::yaml::At;

/// The test file as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The policy file, relative to this one.
    pub policy: At<NameLike>,
    pub tests: Vec<TestDocument>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestDocument {
    pub name: At<NameLike>,
    /// Time between two samples. Default: the policy's `poll`.
    pub every: Option<At<DurationText>>,
    /// When the first sample is taken. Default: Monday, 2026-01-05T00:00:00Z.
    pub start: Option<At<NameLike>>,
    /// Size of each group at the start, also of groups that no target selects. Default: the target's
    /// `min`.
    #[serde(default)]
    pub cluster: Entries<At<CountText>>,
    /// What YARN offers on one instance of a group. Default: not known.
    #[serde(default)]
    pub node: Entries<At<NodeDocument>>,
    /// How long a resize takes. Default: 0s.
    pub provisioning: Option<At<DurationText>>,
    /// For a group, how many instances EMR has for it at most: a series of counts. Default, and after
    /// the end of the series: as many as are requested.
    #[serde(default)]
    pub available: Entries<At<NameLike>>,
    /// A series of samples for each signal.
    #[serde(default)]
    pub series: Entries<At<NameLike>>,
    pub expect: Vec<At<ExpectDocument>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeDocument {
    pub memory_mib: At<CountText>,
    pub vcores: At<CountText>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectDocument {
    /// Time since the first sample.
    pub at: At<DurationText>,
    /// May be left out where the policy has one target.
    pub group: Option<At<NameLike>>,
    pub resize: Option<ResizeDocument>,
    /// Why nothing is done, such as `no_rule_firing`.
    pub hold: Option<At<NameLike>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResizeDocument {
    pub from: Option<At<CountText>>,
    pub to: At<CountText>,
    /// A rule, or `below_minimum`, or `above_maximum`.
    pub because: Option<At<NameLike>>,
}
