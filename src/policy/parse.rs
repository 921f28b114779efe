//! From the file to the [`Policy`]: the only way to build one. A policy that is wrong is refused
//! whole, with every error found.

mod demand;
mod guards;
mod rules;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::demand::Demand;
use super::diagnostic::{Diagnostic, PolicyErrors, nearest};
use super::document::{
    GroupDocument, MetricDocument, NameLike, PolicyDocument, RoleText, TargetDocument,
};
use super::emr_json;
use super::resolve::{self, Scope};
use super::scalar::{self, Refusal};
use super::signal::{SignalSource, Unit};
use super::yaml::{self, At};
use super::{DEFAULT_POLL, Limits, MetricSpec, Policy, Selector, Statistic, Target};
use crate::observation::{GroupId, Market, MetricId, Role};

/// One core group and up to 48 task groups.
const MOST_TARGETS: usize = 49;
const MOST_DIMENSIONS: usize = 30;
const LONGEST_NAME: usize = 64;
const LONGEST_POLL: Duration = Duration::from_secs(3_600);
const SHORTEST_POLL: Duration = Duration::from_secs(1);
const DEFAULT_PERIOD: Duration = Duration::from_secs(300);
const DEFAULT_DELAY: Duration = Duration::from_secs(60);

/// Reads a policy, YAML or JSON, or one of [Amazon's own documents](emr_json). `file_name` is only
/// named in errors.
///
/// # Errors
/// Everything that is wrong with it. Where the shape of the file is wrong (a field that does not
/// exist, a list where a mapping should be), only the first such error, because nothing after it
/// can be understood.
pub fn parse(source: &str, file_name: &str) -> Result<Policy, PolicyErrors> {
    parse_with_places(source, file_name).map(|(policy, _)| policy)
}

/// As [`parse`], and where each part of the policy stands in the file.
///
/// # Errors
/// As [`parse`].
pub fn parse_with_places(source: &str, file_name: &str) -> Result<(Policy, Places), PolicyErrors> {
    if let Some(imported) = emr_json::import(source, file_name, None)? {
        return Ok((imported.policy, imported.places));
    }
    let document = yaml::read(source)
        .map_err(|diagnostic| PolicyErrors::new(file_name, source, vec![diagnostic]))?;
    build(&document, source, file_name)
}

/// From the shape of a policy to the policy; `source` is what the places are places of.
pub(super) fn build(
    document: &PolicyDocument,
    source: &str,
    file_name: &str,
) -> Result<(Policy, Places), PolicyErrors> {
    let mut reader = Reader {
        source,
        errors: Vec::new(),
    };
    match reader.policy(document) {
        Some(policy) if reader.errors.is_empty() => Ok((policy, Places::of(document))),
        _ => Err(PolicyErrors::new(file_name, source, reader.errors)),
    }
}

/// Where the parts of a policy stand in its file, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    targets: Vec<TargetPlaces>,
    demand: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TargetPlaces {
    group: Range<usize>,
    limits: Range<usize>,
    rules: Vec<BTreeMap<Part, Range<usize>>>,
}

/// A part of a rule that can be pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Name,
    When,
    For,
    Then,
    Cooldown,
}

impl Places {
    /// The place of `demand`.
    pub fn demand(&self) -> Range<usize> {
        self.demand.clone()
    }

    /// The place of a target's `group`; of `demand`, when the target follows from it.
    pub fn group(&self, target: usize) -> Range<usize> {
        self.targets
            .get(target)
            .map_or(self.demand(), |places| places.group.clone())
    }

    /// The place of a target's `limits`, or of its `group` when it has none of its own.
    pub fn limits(&self, target: usize) -> Range<usize> {
        self.targets
            .get(target)
            .map_or(self.demand(), |places| places.limits.clone())
    }

    /// The place of a part of a rule, or of the rule's name when the part was left out.
    pub fn rule(&self, target: usize, rule: usize, part: Part) -> Range<usize> {
        let rule = self
            .targets
            .get(target)
            .and_then(|places| places.rules.get(rule));
        rule.and_then(|parts| parts.get(&part).or_else(|| parts.get(&Part::Name)))
            .map_or(0..0, Clone::clone)
    }

    fn of(document: &PolicyDocument) -> Self {
        let demand = document
            .demand
            .as_ref()
            .map(|at| at.span.clone())
            .unwrap_or_default();
        let targets = document
            .targets
            .iter()
            .flat_map(|targets| &targets.value)
            .map(|target| TargetPlaces {
                group: target.value.group.span.clone(),
                limits: target
                    .value
                    .limits
                    .as_ref()
                    .map_or(target.value.group.span.clone(), |limits| {
                        limits.span.clone()
                    }),
                rules: target.value.rules.iter().map(rules::places).collect(),
            });
        Self {
            targets: targets.collect(),
            demand,
        }
    }
}

/// Reads values and keeps the errors. A method that returns `None` has left at least one.
struct Reader<'s> {
    source: &'s str,
    errors: Vec<Diagnostic>,
}

/// Declared metrics: what a condition reads, and in which unit.
type Metrics = BTreeMap<String, (SignalSource, Unit)>;

impl Reader<'_> {
    fn policy(&mut self, document: &PolicyDocument) -> Option<Policy> {
        let name = self.name(&document.name);
        let poll = match &document.poll {
            None => Some(DEFAULT_POLL),
            Some(at) => self.within(
                at,
                SHORTEST_POLL,
                LONGEST_POLL,
                "a poll comes every second at most, every hour at least",
            ),
        };
        let mut seen = BTreeMap::new();
        let specs: Vec<Option<MetricSpec>> = document
            .metrics
            .0
            .iter()
            .map(|(name, metric)| self.metric(name, metric, &mut seen))
            .collect();
        let metrics = known_metrics(&specs, document);
        let demand = document.demand.as_ref().map(|at| self.demand(at));
        let targets = self.targets(document, demand, &metrics);
        Some(Policy {
            name: name?.into(),
            description: document.description.clone(),
            poll: poll?,
            metrics: specs.into_iter().collect::<Option<_>>()?,
            demand: demand.map_or(Some(None), |demand| demand.map(Some))?,
            targets: targets.into_iter().collect::<Option<_>>()?,
        })
    }

    fn metric(
        &mut self,
        name: &At<NameLike>,
        document: &MetricDocument,
        seen: &mut BTreeMap<String, ()>,
    ) -> Option<MetricSpec> {
        self.check_metric_name(name, seen);
        let namespace = self.filled(&document.namespace);
        let metric_name = self.filled(&document.metric_name);
        if document.dimensions.0.len() > MOST_DIMENSIONS {
            self.error(Diagnostic::error(
                name.span.clone(),
                format!("CloudWatch takes at most {MOST_DIMENSIONS} dimensions"),
            ));
        }
        let dimensions = document
            .dimensions
            .0
            .iter()
            .map(|(key, value)| (key.value.0.clone(), value.0.clone()))
            .collect();
        let statistic = document
            .statistic
            .as_ref()
            .map_or(Some(Statistic::Average), |at| self.one_of(at, &STATISTICS));
        let period = document
            .period
            .as_ref()
            .map_or(Some(DEFAULT_PERIOD), |at| self.take(at, metric_period));
        let delay = document
            .delay
            .as_ref()
            .map_or(Some(DEFAULT_DELAY), |at| self.take(at, scalar::duration));
        let unit = document
            .unit
            .as_ref()
            .map_or(Some(Unit::NUMBER), |at| self.one_of(at, &UNITS));
        Some(MetricSpec {
            id: MetricId::new(name.value.0.as_str()),
            namespace: namespace?,
            metric_name: metric_name?,
            dimensions,
            statistic: statistic?,
            period: period?,
            delay: delay?,
            unit: unit?,
        })
    }

    fn check_metric_name(&mut self, name: &At<NameLike>, seen: &mut BTreeMap<String, ()>) {
        let text = name.value.0.as_str();
        let first_is_letter = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first_is_letter
            || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            || text.len() > LONGEST_NAME
        {
            let error = Diagnostic::error(
                name.span.clone(),
                format!("`{text}` cannot be the name of a metric"),
            );
            self.error(error.help("use letters, digits and `_`, as in `queue_depth`"));
        } else if resolve::is_taken(text) {
            let error = Diagnostic::error(
                name.span.clone(),
                format!("`{text}` already means something else in conditions"),
            );
            self.error(error.help("give the metric another name"));
        } else if seen.insert(text.to_owned(), ()).is_some() {
            self.error(Diagnostic::error(
                name.span.clone(),
                format!("the metric `{text}` is declared twice"),
            ));
        }
    }

    /// `demand` is `Some(None)` when the policy has one with an error.
    fn targets(
        &mut self,
        document: &PolicyDocument,
        demand: Option<Option<Demand>>,
        metrics: &Metrics,
    ) -> Vec<Option<Target>> {
        let Some(at) = &document.targets else {
            if demand.is_none() {
                let error = Diagnostic::error(
                    document.name.span.clone(),
                    "this policy says neither what to resize nor to follow demand",
                );
                self.error(
                    error.help("add `targets:` with rules, or `demand: { min: 2, max: 20 }`"),
                );
            }
            return demand::default_targets(document, demand.flatten().as_ref());
        };
        let targets: Vec<Option<Target>> = at
            .value
            .iter()
            .map(|target| self.target(&target.value, demand, metrics))
            .collect();
        self.check_targets(at, &targets);
        targets
    }

    fn target(
        &mut self,
        document: &TargetDocument,
        demand: Option<Option<Demand>>,
        metrics: &Metrics,
    ) -> Option<Target> {
        let selector = self.selector(&document.group);
        let limits = self.target_limits(document, demand);
        if let Some(demand) = demand {
            self.check_demand_target(
                document,
                selector.as_ref(),
                demand.map(|demand| demand.units),
            );
        }
        let mut scope = Scope {
            metrics,
            signals: Vec::new(),
            windows: Vec::new(),
        };
        let rules = self.rules(&document.rules, &mut scope);
        let guards = self.guards(document);
        let schedule = self.schedule(&document.schedule);
        Some(Target {
            may_be_absent: false,
            selector: selector?,
            limits: limits?,
            rules: rules?,
            guards: guards?,
            schedule: schedule?,
            signals: scope.signals,
            windows: scope.windows,
        })
    }

    fn target_limits(
        &mut self,
        document: &TargetDocument,
        demand: Option<Option<Demand>>,
    ) -> Option<Limits> {
        match (&document.limits, demand) {
            (Some(limits), _) => self.limits(limits),
            (None, Some(demand)) => demand.as_ref().map(demand::limits_of),
            (None, None) => {
                let error =
                    Diagnostic::error(document.group.span.clone(), "this target has no limits");
                self.refuse(error.help("add `limits: { min: 0, max: 20 }`"))
            }
        }
    }

    fn selector(&mut self, at: &At<GroupDocument>) -> Option<Selector> {
        let GroupDocument {
            role,
            name,
            id,
            fleet,
            market,
        } = &at.value;
        let help = "write one of `role: task` (with `market: spot` where it has groups of both), `name: ...`, `id: ig-...`, or `fleet: task` \
                    with `market: spot`";
        match (role, name, id, fleet, market) {
            (Some(role), None, None, None, None) => self.role(role).map(Selector::Role),
            (None, Some(name), None, None, None) => {
                self.filled(name).map(|name| Selector::Name(name.into()))
            }
            (None, None, Some(id), None, None) => {
                self.filled(id).map(|id| Selector::Id(GroupId::new(id)))
            }
            (Some(role), None, None, None, Some(market)) => {
                let (role, market) = (self.role(role), self.one_of(market, &MARKETS));
                Some(Selector::Group {
                    role: role?,
                    market: market?,
                })
            }
            (None, None, None, Some(fleet), Some(market)) => {
                let (role, market) = (self.role(fleet), self.one_of(market, &MARKETS));
                Some(Selector::Fleet {
                    role: role?,
                    market: market?,
                })
            }
            (None, None, None, Some(fleet), None) => {
                let error = Diagnostic::error(fleet.span.clone(), "a fleet has two capacities");
                self.refuse(error.help("add `market: spot` or `market: on-demand`"))
            }
            (_, _, _, None, Some(market)) => self.refuse(
                Diagnostic::error(
                    market.span.clone(),
                    "`market` belongs to a `role` or a `fleet`",
                )
                .help(help),
            ),
            (None, None, None, None, None) => {
                self.refuse(Diagnostic::error(at.span.clone(), "this names no group").help(help))
            }
            _ => self.refuse(
                Diagnostic::error(at.span.clone(), "this names a group in several ways").help(help),
            ),
        }
    }

    fn role(&mut self, at: &At<RoleText>) -> Option<Role> {
        if matches!(at.value.0.as_str(), "primary" | "master") {
            let error = Diagnostic::error(at.span.clone(), "primary nodes are never resized");
            return self.refuse(error.help("write `core` or `task`"));
        }
        self.one_of(at, &[("core", Role::Core), ("task", Role::Task)])
    }

    fn check_targets(
        &mut self,
        documents: &At<Vec<At<TargetDocument>>>,
        targets: &[Option<Target>],
    ) {
        if targets.is_empty() {
            self.error(
                Diagnostic::error(documents.span.clone(), "a policy needs a target")
                    .help("add a `- group: { role: task }`"),
            );
        }
        let places = || {
            documents
                .value
                .iter()
                .map(|target| target.value.group.span.clone())
        };
        if let Some(place) = places().nth(MOST_TARGETS) {
            let error =
                Diagnostic::error(place, format!("there are more than {MOST_TARGETS} targets"));
            self.error(error.help("a cluster has one core group and at most 48 task groups"));
        }
        let selectors: Vec<(Range<usize>, &Selector)> = places()
            .zip(targets)
            .filter_map(|(place, target)| Some((place, &target.as_ref()?.selector)))
            .collect();
        for (position, (place, selector)) in selectors.iter().enumerate() {
            let earlier = &selectors[..position];
            let is_part = |s: &Selector, of: &Selector| matches!((s, of), (Selector::Group { role, .. }, Selector::Role(whole)) if role == whole);
            if earlier.iter().any(|(_, other)| {
                *other == *selector || is_part(other, selector) || is_part(selector, other)
            }) {
                let error = Diagnostic::error(
                    place.clone(),
                    format!("two targets mean the same group ({selector})"),
                );
                self.error(error.help("put all rules of a group into one target"));
            } else if let Some(is_fleet) = selector.is_fleet() {
                let other_kind = |s: &Selector| s.is_fleet() == Some(!is_fleet);
                if earlier.iter().any(|(_, other)| other_kind(other)) {
                    let error = Diagnostic::error(
                        place.clone(),
                        "a cluster has instance groups or instance fleets, never both",
                    );
                    self.error(error.help("write one policy for each kind of cluster"));
                }
            }
        }
    }

    /// A name that metrics and messages can carry.
    fn name(&mut self, at: &At<super::document::NameText>) -> Option<String> {
        let text = at.value.0.as_str();
        let fine = |c: char| c.is_alphanumeric() || "-_. ".contains(c);
        if !text.trim().is_empty()
            && text.trim() == text
            && text.chars().count() <= LONGEST_NAME
            && text.chars().all(fine)
        {
            return Some(text.to_owned());
        }
        let error = Diagnostic::error(
            at.span.clone(),
            format!("`{}` cannot be a name", text.escape_debug()),
        );
        self.refuse(error.help(format!(
            "use up to {LONGEST_NAME} letters, digits, `-`, `_`, `.` and spaces"
        )))
    }

    fn filled(&mut self, at: &At<NameLike>) -> Option<String> {
        match at.value.0.trim() {
            "" => self.refuse(Diagnostic::error(at.span.clone(), "this must not be empty")),
            text => Some(text.to_owned()),
        }
    }

    /// One of a few words.
    fn one_of<T: Copy, S: AsRef<str>>(&mut self, at: &At<S>, values: &[(&str, T)]) -> Option<T> {
        let text = at.value.as_ref().trim();
        if let Some((_, value)) = values.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let help = match nearest(text, values.iter().map(|(name, _)| *name)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!(
                "write {}",
                values
                    .iter()
                    .map(|(name, _)| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(" or ")
            ),
        };
        self.refuse(
            Diagnostic::error(at.span.clone(), format!("`{text}` is not possible here")).help(help),
        )
    }

    fn within<S: AsRef<str>>(
        &mut self,
        at: &At<S>,
        least: Duration,
        most: Duration,
        message: &str,
    ) -> Option<Duration> {
        let duration = self.take(at, scalar::duration)?;
        if least <= duration && duration <= most {
            return Some(duration);
        }
        self.refuse(Diagnostic::error(at.span.clone(), message).help("write a time such as `30s`"))
    }

    /// A time that is not zero.
    fn some_time<S: AsRef<str>>(&mut self, at: &At<S>) -> Option<Duration> {
        self.within(
            at,
            Duration::from_millis(1),
            scalar::LONGEST,
            "this must be longer than nothing",
        )
    }

    fn take<T, S: AsRef<str>>(
        &mut self,
        at: &At<S>,
        read: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        match read(at.value.as_ref()) {
            Ok(value) => Some(value),
            Err(Refusal { message, help }) => self.refuse(Diagnostic {
                help,
                ..Diagnostic::error(at.span.clone(), message)
            }),
        }
    }

    fn refuse<T>(&mut self, error: Diagnostic) -> Option<T> {
        self.error(error);
        None
    }

    fn error(&mut self, error: Diagnostic) {
        self.errors.push(error);
    }
}

const STATISTICS: [(&str, Statistic); 5] = [
    ("average", Statistic::Average),
    ("sum", Statistic::Sum),
    ("minimum", Statistic::Minimum),
    ("maximum", Statistic::Maximum),
    ("samplecount", Statistic::SampleCount),
];

const UNITS: [(&str, Unit); 5] = [
    ("number", Unit::NUMBER),
    ("percent", Unit::PERCENT),
    ("mebibytes", Unit::MEMORY),
    ("seconds", Unit::TIME),
    ("per_second", Unit::PER_SECOND),
];

const MARKETS: [(&str, Market); 2] = [("on-demand", Market::OnDemand), ("spot", Market::Spot)];

/// What conditions may name. A metric with an error of its own is known, too, so that its uses are
/// not reported as unknown.
fn known_metrics(specs: &[Option<MetricSpec>], document: &PolicyDocument) -> Metrics {
    let names = document
        .metrics
        .0
        .iter()
        .map(|(name, _)| name.value.0.clone());
    let known = names.zip(specs).map(|(name, spec)| {
        let allowance = spec.as_ref().map_or(Duration::ZERO, MetricSpec::allowance);
        let source = SignalSource::Metric {
            id: MetricId::new(name.as_str()),
            allowance,
        };
        (
            name,
            (source, spec.as_ref().map_or(Unit::NUMBER, |spec| spec.unit)),
        )
    });
    known.collect()
}

fn metric_period(text: &str) -> Result<Duration, Refusal> {
    let period = scalar::duration(text)?;
    let whole_seconds = period.subsec_millis() == 0;
    let known = [1, 5, 10, 20, 30].contains(&period.as_secs())
        || (period.as_secs() > 0 && period.as_secs().is_multiple_of(60));
    if whole_seconds && known && period <= Duration::from_secs(86_400) {
        return Ok(period);
    }
    let help = Some("write 1s, 5s, 10s, 20s, 30s, or whole minutes up to 1d".to_owned());
    Err(Refusal {
        message: format!("CloudWatch has no period of `{text}`"),
        help,
    })
}

#[cfg(test)]
mod tests;
