//! Reads a test against its policy.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::document::{ExpectDocument, NodeDocument, ResizeDocument};
use super::expectation::{Expectation, Expected};
use super::scripted_cluster::{Subject, settled};
use super::series::{self, Sample};
use crate::observation::{GroupId, GroupKind, GroupState, GroupStatus, Market, MetricId, Role};
use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::document::{CountText, DurationText, Entries, NameLike};
use crate::policy::scalar;
use crate::policy::signal::Signal;
use crate::policy::yaml::At;
use crate::policy::{Policy, Selector, Target};
use crate::units::{Instances, Mebibytes, Resources, Timestamp, VirtualCores};

/// Longer tests are slips.
const MOST_TICKS: u128 = 100_000;
const CLUSTER_STATE: &str = "emr_cluster_state";

/// Reads the parts of a test against its policy, and keeps the errors.
pub struct Reader<'e> {
    pub policy: &'e Policy,
    pub errors: &'e mut Vec<Diagnostic>,
}

impl Reader<'_> {
    /// The groups at the start of a test: those of the targets, then others that the cluster has.
    pub fn groups(&mut self, sizes: &Entries<At<CountText>>) -> Option<Vec<GroupStatus>> {
        let mut groups: Vec<GroupStatus> = self.policy.targets().iter().map(group_of).collect();
        for (name, size) in &sizes.0 {
            let count = Instances(self.take(size, scalar::count)?);
            let (label, place) = (&name.value.0, name.span.clone());
            match self
                .policy
                .targets()
                .iter()
                .position(|target| self::label(target) == *label)
            {
                Some(position) => groups[position] = settled(groups[position].clone(), count),
                None => groups.push(settled(self.other_group(label, place)?, count)),
            }
        }
        Some(groups)
    }

    /// A group that no target of the policy selects: `core`, `task`, or with its market `task/spot`.
    fn other_group(&mut self, label: &str, place: Range<usize>) -> Option<GroupStatus> {
        let (role, market) = label
            .split_once('/')
            .unwrap_or((label, Market::OnDemand.as_str()));
        let role = [Role::Core, Role::Task]
            .into_iter()
            .find(|known| known.as_str() == role);
        let market = Market::ALL.iter().find(|known| known.as_str() == market);
        let (Some(role), Some(market)) = (role, market) else {
            let help = format!(
                "{}; other groups of the cluster are written as `core`, `task` or `task/spot`",
                self.targets_listed()
            );
            return self.refuse(place, format!("the policy has no target `{label}`"), help);
        };
        let mut kinds = self
            .policy
            .targets()
            .iter()
            .map(|target| target.selector.kind());
        let kind = if kinds.any(|kind| kind == Some(GroupKind::Fleet)) {
            GroupKind::Fleet
        } else {
            GroupKind::Group
        };
        let group = new_group(label, role, kind, *market, Instances::ZERO);
        let is_meant = |target: &&Target| {
            target
                .selector
                .select(std::slice::from_ref(&group))
                .next()
                .is_some()
        };
        if let Some(target) = self.policy.targets().iter().find(is_meant) {
            let meant = self::label(target);
            return self.refuse(
                place,
                format!("`{label}` is a group of the target `{meant}`"),
                format!("write `{meant}`"),
            );
        }
        Some(group)
    }

    /// Position of the target with this label.
    fn group(&mut self, name: &str, place: Range<usize>) -> Option<usize> {
        let labels: Vec<String> = self.policy.targets().iter().map(label).collect();
        labels.iter().position(|label| label == name).or_else(|| {
            let help = self.targets_listed();
            self.refuse(place, format!("the policy has no target `{name}`"), help)
        })
    }

    fn targets_listed(&self) -> String {
        let labels: Vec<String> = self
            .policy
            .targets()
            .iter()
            .map(|target| format!("`{}`", label(target)))
            .collect();
        format!("the policy's targets are {}", labels.join(", "))
    }

    /// How many instances there are for each of these groups, by tick.
    pub fn available(
        &mut self,
        entries: &Entries<At<NameLike>>,
        groups: &[GroupStatus],
    ) -> Option<Vec<Vec<u32>>> {
        let mut available = vec![Vec::new(); groups.len()];
        for (name, text) in &entries.0 {
            let position = self.position(name, groups)?;
            available[position] = self.counts(text)?;
        }
        Some(available)
    }

    /// The same groups, with what YARN offers on an instance of each.
    pub fn nodes(
        &mut self,
        entries: &Entries<At<NodeDocument>>,
        mut groups: Vec<GroupStatus>,
    ) -> Option<Vec<GroupStatus>> {
        for (name, node) in &entries.0 {
            let position = self.position(name, &groups)?;
            let NodeDocument { memory_mib, vcores } = &node.value;
            let memory_mib = u64::from(self.take(memory_mib, scalar::count)?);
            let vcores = u64::from(self.take(vcores, scalar::count)?);
            if memory_mib == 0 || vcores == 0 {
                return self.refuse(
                    node.span.clone(),
                    "a node must have memory and cores",
                    "set `memory_mib` and `vcores` above 0, or remove the node",
                );
            }
            if groups[position].kind == GroupKind::Fleet {
                return self.refuse(
                    name.span.clone(),
                    "a fleet mixes instance types",
                    "remove its node: a unit is a capacity unit of the fleet",
                );
            }
            groups[position].node = Some(Resources {
                memory: Mebibytes(memory_mib),
                vcores: VirtualCores(vcores),
            });
        }
        Some(groups)
    }

    /// Position of the group with this label.
    fn position(&mut self, name: &At<NameLike>, groups: &[GroupStatus]) -> Option<usize> {
        let label = &name.value.0;
        let position = groups.iter().position(|group| group.id.as_str() == label);
        position.or_else(|| {
            let help = self.targets_listed();
            let message = format!("the test has no group `{label}`");
            self.refuse(name.span.clone(), message, help)
        })
    }

    fn counts(&mut self, text: &At<NameLike>) -> Option<Vec<u32>> {
        let samples = match series::parse(&text.value.0) {
            Ok(samples) => samples,
            Err(message) => return self.fail(text.span.clone(), message),
        };
        let count = |sample: &Sample| match sample {
            Sample::Value(value) if value.fract() == 0.0 && (0.0..1e6).contains(value) => {
                Some(*value as u32)
            }
            _ => None,
        };
        let counts: Option<Vec<u32>> = samples.iter().map(count).collect();
        counts.or_else(|| {
            self.refuse(
                text.span.clone(),
                "these are not counts of instances",
                "write whole numbers, such as `3x10 20x5`",
            )
        })
    }

    /// The series of samples, by what each sets.
    pub fn series(
        &mut self,
        entries: &Entries<At<NameLike>>,
    ) -> Option<BTreeMap<Subject, Vec<Sample>>> {
        let read: Vec<_> = entries
            .0
            .iter()
            .map(|(name, text)| self.one_series(name, text))
            .collect();
        let mut series = BTreeMap::new();
        for ((name, _), entry) in entries.0.iter().zip(read) {
            let (subject, samples) = entry?;
            if series.insert(subject, samples).is_some() {
                return self.fail(
                    name.span.clone(),
                    format!("`{}` has two series", name.value.0),
                );
            }
        }
        Some(series)
    }

    fn one_series(
        &mut self,
        name: &At<NameLike>,
        text: &At<NameLike>,
    ) -> Option<(Subject, Vec<Sample>)> {
        let subject = self.subject(&name.value.0, name.span.clone());
        let samples = match series::parse(&text.value.0) {
            Ok(samples) => Some(samples),
            Err(message) => self.fail(text.span.clone(), message),
        };
        let (subject, samples) = (subject?, samples?);
        self.check_samples(&subject, &samples, text.span.clone())?;
        Some((subject, samples))
    }

    fn subject(&mut self, name: &str, place: Range<usize>) -> Option<Subject> {
        if name == CLUSTER_STATE {
            return Some(Subject::ClusterState);
        }
        if let Some(metric) = self
            .policy
            .metrics()
            .iter()
            .find(|metric| metric.id.as_str() == name)
        {
            return Some(Subject::Metric(MetricId::clone(&metric.id)));
        }
        match Signal::from_name(name) {
            Some(signal) if signal.is_of_group() => self.refuse(
                place,
                format!("`{name}` follows from the decisions"),
                "give the size at the start under `cluster:`",
            ),
            Some(signal) if signal.needs_yarn() && !self.policy.uses_yarn() => self.refuse(
                place,
                format!("the policy has `uses_yarn: false`, so nothing reads `{name}`"),
                "remove the series, or give one of a metric that the policy declares",
            ),
            Some(signal) => Some(Subject::Signal(signal.name())),
            None => {
                let known = Signal::ALL
                    .iter()
                    .map(|signal| signal.name())
                    .chain(self.policy.metrics().iter().map(|m| m.id.as_str()));
                let help = nearest(name, known)
                    .map_or("see the list of signals".to_owned(), |meant| {
                        format!("did you mean `{meant}`?")
                    });
                self.refuse(place, format!("there is no signal `{name}`"), help)
            }
        }
    }

    fn check_samples(
        &mut self,
        subject: &Subject,
        samples: &[Sample],
        place: Range<usize>,
    ) -> Option<()> {
        let is_state = *subject == Subject::ClusterState;
        let is_emr =
            matches!(subject, Subject::Signal(name) if name.starts_with("emr_")) || is_state;
        for sample in samples {
            let message = match sample {
                Sample::State(_) if !is_state => "a cluster state is not a number",
                Sample::Value(_) if is_state => "write states here, such as `RUNNINGx5 WAITING`",
                Sample::Value(value)
                    if value.is_nan() && !matches!(subject, Subject::Metric(_)) =>
                {
                    "only a declared metric can be `nan`"
                }
                Sample::Value(value) if *value < 0.0 && !matches!(subject, Subject::Metric(_)) => {
                    "this signal is never negative"
                }
                Sample::Missing | Sample::Stale if is_emr => {
                    "signals of EMR cannot be missing in a test"
                }
                _ => continue,
            };
            return self.fail(place, message);
        }
        Some(())
    }

    /// What must be decided, with samples taken every `every`.
    pub fn expectation(
        &mut self,
        document: &At<ExpectDocument>,
        every: Duration,
    ) -> Option<Expectation> {
        let ExpectDocument {
            at, group, hold, ..
        } = &document.value;
        let tick = self.tick(at, every)?;
        let target = match group {
            Some(group) => self.group(&group.value.0, group.span.clone())?,
            None if self.policy.targets().len() == 1 => 0,
            None => {
                return self.refuse(
                    document.span.clone(),
                    "the policy has several targets",
                    "add `group:`",
                );
            }
        };
        let what = self.expected(document)?;
        let place = hold
            .as_ref()
            .map_or_else(|| at.span.clone(), |hold| hold.span.clone());
        Some(Expectation {
            tick,
            target,
            what,
            place,
        })
    }

    /// The position of the sample that is taken at this time.
    fn tick(&mut self, at: &At<DurationText>, every: Duration) -> Option<usize> {
        let since_start = self.take(at, scalar::duration)?;
        if !since_start
            .as_millis()
            .is_multiple_of(every.as_millis().max(1))
        {
            let every = crate::units::display_duration(every).to_string();
            return self.refuse(
                at.span.clone(),
                "no sample is taken at this time",
                format!("write a multiple of {every}"),
            );
        }
        let tick = since_start.as_millis() / every.as_millis().max(1);
        if tick > MOST_TICKS {
            return self.fail(
                at.span.clone(),
                format!("this is more than {MOST_TICKS} samples from the start"),
            );
        }
        Some(usize::try_from(tick).unwrap_or(usize::MAX))
    }

    fn expected(&mut self, document: &At<ExpectDocument>) -> Option<Expected> {
        match (&document.value.resize, &document.value.hold) {
            (None, Some(hold)) => Some(Expected::Hold(hold.value.0.clone())),
            (Some(ResizeDocument { from, to, because }), None) => Some(Expected::Resize {
                from: from
                    .as_ref()
                    .map(|from| self.take(from, scalar::count))
                    .map_or(Some(None), |from| from.map(Some))?
                    .map(Instances),
                to: Instances(self.take(to, scalar::count)?),
                because: because.as_ref().map(|because| because.value.0.clone()),
            }),
            _ => self.refuse(
                document.span.clone(),
                "expect one thing",
                "write `resize: { to: 9 }` or `hold: no_rule_firing`",
            ),
        }
    }

    /// A date and time.
    pub fn instant(&mut self, at: &At<NameLike>) -> Option<Timestamp> {
        let instant: Result<jiff::Timestamp, _> = at.value.0.parse();
        match instant {
            Ok(instant) => Some(Timestamp::from_millis(instant.as_millisecond())),
            Err(_) => self.refuse(
                at.span.clone(),
                "this is not a date and time",
                "write it like `2026-03-02T08:00:00Z`",
            ),
        }
    }

    /// A value that `read` reads from its text.
    pub fn take<T, S: AsRef<str>>(
        &mut self,
        at: &At<S>,
        read: impl FnOnce(&str) -> Result<T, Diagnostic>,
    ) -> Option<T> {
        at.read(read).map_err(|error| self.errors.push(error)).ok()
    }

    /// Adds an error with its remedy.
    pub fn refuse<T>(
        &mut self,
        place: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.errors
            .push(Diagnostic::error(place, message).help(help));
        None
    }

    fn fail<T>(&mut self, place: Range<usize>, message: impl Into<String>) -> Option<T> {
        self.errors.push(Diagnostic::error(place, message));
        None
    }
}

/// How tests name a target's group: its role, its role and market as `task/spot` (a fleet too), its
/// name or its id.
fn label(target: &Target) -> String {
    match &target.selector {
        Selector::Role(role) => role.to_string(),
        Selector::Name(name) => name.to_string(),
        Selector::Id(id) => id.to_string(),
        Selector::Group { role, market } | Selector::Fleet { role, market } => {
            format!("{role}/{market}")
        }
    }
}

/// The group that a target selects. One that is named only by name or id is taken for a task group.
fn group_of(target: &Target) -> GroupStatus {
    let label = label(target);
    let (role, kind, market) = match &target.selector {
        Selector::Role(role) => (*role, GroupKind::Group, Market::OnDemand),
        Selector::Group { role, market } => (*role, GroupKind::Group, *market),
        Selector::Name(_) | Selector::Id(_) => (Role::Task, GroupKind::Group, Market::OnDemand),
        Selector::Fleet { role, market } => (*role, GroupKind::Fleet, *market),
    };
    let name = matches!(target.selector, Selector::Name(_)).then(|| label.as_str().into());
    GroupStatus {
        name,
        ..new_group(&label, role, kind, market, target.limits.min())
    }
}

/// A group without a name, of which as many instances run as were requested.
fn new_group(
    id: &str,
    role: Role,
    kind: GroupKind,
    market: Market,
    size: Instances,
) -> GroupStatus {
    GroupStatus {
        id: GroupId::new(id),
        name: None,
        role,
        kind,
        market,
        state: GroupState::Running,
        requested: size,
        running: size,
        scaled_by_amazon: false,
        state_reason: None,
        node: None,
    }
}
