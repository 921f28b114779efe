//! The scenario file as it is written, and how it becomes a [`Scenario`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::{GroupSpec, Hdfs, Metrics, Provisioning, Scenario, ScenarioError, Scheduler, Spot};
use crate::observation::{GroupId, GroupKind, Market, Role};
use crate::policy::Limits;
use crate::sim::pricing::{PriceTable, Rates};
use crate::trace::Resources;
use crate::units::{Instances, Mebibytes, Percent, VirtualCores};

/// More instances than this in one group are a typing error: EMR's own quotas end long before.
const MOST_INSTANCES: u32 = 100_000;
/// So is a dearer one.
const DEAREST_USD_H: f64 = 1_000.0;

pub(super) fn parse(text: &str, file: &Path) -> Result<Scenario, ScenarioError> {
    let name = file.display().to_string();
    let raw: RawScenario =
        serde_saphyr::from_str(text).map_err(|error| ScenarioError::Yaml { file: name.clone(), rendered: error.render() })?;
    let table = match &raw.prices {
        Some(prices) => PriceTable::shipped().with_override_file(&file.with_file_name(prices))?,
        None => PriceTable::shipped(),
    };
    raw.check(&table).map_err(|Problem { field, problem }| ScenarioError::Invalid { file: name, field, problem })
}

/// What is wrong, and where.
struct Problem {
    field: String,
    problem: String,
}

fn refuse<T>(field: impl Into<String>, problem: impl Into<String>) -> Result<T, Problem> {
    Err(Problem { field: field.into(), problem: problem.into() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    cluster: RawCluster,
    #[serde(default)]
    poll: Option<Text>,
    #[serde(default)]
    scheduler: Scheduler,
    #[serde(default)]
    provisioning: RawProvisioning,
    #[serde(default)]
    decommission_timeout: Option<Text>,
    #[serde(default)]
    spot: RawSpot,
    #[serde(default)]
    metrics: RawMetrics,
    #[serde(default)]
    hdfs: RawHdfs,
    #[serde(default)]
    slo: RawSlo,
    #[serde(default)]
    prices: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCluster {
    groups: Vec<RawGroup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    name: String,
    /// What a policy's `id:` selects; `ig-` and the name when absent.
    #[serde(default)]
    id: Option<String>,
    role: Role,
    #[serde(default)]
    kind: GroupKind,
    r#type: String,
    market: Market,
    count: u32,
    #[serde(default)]
    limits: Option<RawLimits>,
    #[serde(default)]
    node: Option<RawNode>,
    #[serde(default)]
    price: Option<RawPrice>,
}

/// US dollars per instance and hour.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPrice {
    ec2_usd_h: f64,
    #[serde(default)]
    emr_usd_h: f64,
    #[serde(default)]
    ebs_usd_h: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    min: u32,
    max: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNode {
    memory_mib: u64,
    vcores: u64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawProvisioning {
    median: Option<Text>,
    p95: Option<Text>,
    failure_percent: f64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawSpot {
    interruptions_per_hour: f64,
    notice: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawMetrics {
    delay: Option<Text>,
    loss_percent: f64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawHdfs {
    used_gib: Option<u64>,
    capacity_gib_per_node: Option<u64>,
    replication: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawSlo {
    wait: Option<Text>,
}

/// A duration such as `90s`, `6m` or `1h 30m`; never negative, at most a hundred years.
struct Text(Duration);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);
        let text = String::deserialize(deserializer)?;
        let refuse = |why: &str| serde::de::Error::custom(format!("`{text}` is {why}; write a duration such as 90s, 6m or 1h 30m"));
        let signed: jiff::SignedDuration = text.parse().map_err(|_| refuse("not a duration"))?;
        let duration = Duration::try_from(signed).map_err(|_| refuse("negative"))?;
        if duration > LONGEST { Err(refuse("longer than a hundred years")) } else { Ok(Self(duration)) }
    }
}

fn or(text: Option<Text>, default: Duration) -> Duration {
    text.map_or(default, |Text(duration)| duration)
}

impl RawScenario {
    fn check(self, table: &PriceTable) -> Result<Scenario, Problem> {
        let default = Scenario::default();
        let groups = check_groups(self.cluster.groups, table)?;
        let poll = self.poll.map(|Text(poll)| poll);
        if poll.is_some_and(|poll| poll < Duration::from_secs(1)) {
            return refuse("poll", "must be at least 1s");
        }
        Ok(Scenario {
            name: self.name,
            description: self.description,
            groups,
            poll,
            scheduler: self.scheduler,
            provisioning: self.provisioning.check(default.provisioning)?,
            decommission_timeout: or(self.decommission_timeout, default.decommission_timeout),
            spot: self.spot.check(default.spot)?,
            metrics: Metrics {
                delay: or(self.metrics.delay, default.metrics.delay),
                loss: percent("metrics.loss_percent", self.metrics.loss_percent)?,
            },
            hdfs: self.hdfs.check(default.hdfs)?,
            slo_wait: or(self.slo.wait, default.slo_wait),
        })
    }
}

fn check_groups(raw: Vec<RawGroup>, table: &PriceTable) -> Result<Vec<GroupSpec>, Problem> {
    let mut groups: Vec<GroupSpec> = Vec::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        let field = |name: &str| format!("cluster.groups[{index}].{name}");
        let group = raw.check(&field, table)?;
        if groups.iter().any(|other| other.name == group.name) {
            return refuse(field("name"), format!("a second group is called `{}`; give each its own name", group.name));
        }
        if groups.iter().any(|other| other.id == group.id) {
            return refuse(field("id"), format!("a second group has the id `{}`; give each its own", group.id));
        }
        groups.push(group);
    }
    if !groups.iter().any(|group| group.role != Role::Primary) {
        return refuse("cluster.groups", "there is no core or task group, so nothing could run; add one");
    }
    Ok(groups)
}

impl RawGroup {
    fn check(self, field: &impl Fn(&str) -> String, table: &PriceTable) -> Result<GroupSpec, Problem> {
        let most = self.limits.as_ref().map_or(0, |limits| limits.max).max(self.count);
        if most > MOST_INSTANCES {
            return refuse(field("count"), format!("{most} instances are more than the {MOST_INSTANCES} that a group may have"));
        }
        let limits = match self.limits {
            None => None,
            Some(RawLimits { min, max }) => match Limits::new(Instances(min), Instances(max)) {
                Some(limits) => Some(limits),
                None => return refuse(field("limits"), format!("min {min} is above max {max}")),
            },
        };
        let node = match (self.role, self.node) {
            (Role::Primary, _) => Resources::default(),
            (_, Some(RawNode { memory_mib: 0, .. } | RawNode { vcores: 0, .. })) => {
                return refuse(field("node"), "a node needs memory and cores");
            }
            (_, Some(RawNode { memory_mib, vcores })) => Resources { memory: Mebibytes(memory_mib), vcores: VirtualCores(vcores) },
            (_, None) => match table.instance_type(&self.r#type) {
                Ok(known) => known.yarn,
                Err(unknown) => return refuse(field("type"), format!("{unknown}, or say what YARN gets of it: `node` and `price`")),
            },
        };
        let rates = match self.price {
            Some(own) => own.check(field)?,
            None => match table.rates(&self.r#type, self.market) {
                Ok(rates) => rates,
                Err(unknown) => return refuse(field("type"), format!("{unknown}, or give its `price`")),
            },
        };
        let id = self.id.unwrap_or_else(|| match (self.kind, self.market) {
            (GroupKind::Group, _) => format!("ig-{}", self.name),
            (GroupKind::Fleet, market) => format!("if-{}/{market}", self.name),
        });
        Ok(GroupSpec {
            id: GroupId::new(id),
            name: self.name.into(),
            role: self.role,
            kind: self.kind,
            instance_type: self.r#type,
            market: self.market,
            count: Instances(self.count),
            limits,
            node,
            rates,
        })
    }
}

impl RawPrice {
    fn check(self, field: &impl Fn(&str) -> String) -> Result<Rates, Problem> {
        let Self { ec2_usd_h, emr_usd_h, ebs_usd_h } = self;
        if [ec2_usd_h, emr_usd_h, ebs_usd_h].iter().all(|price| (0.0..=DEAREST_USD_H).contains(price)) {
            Ok(Rates { ec2_usd_h, emr_usd_h, ebs_usd_h })
        } else {
            refuse(field("price"), format!("a price is a number of dollars an hour from 0 to {DEAREST_USD_H}"))
        }
    }
}

impl RawProvisioning {
    fn check(self, default: Provisioning) -> Result<Provisioning, Problem> {
        let median = or(self.median, default.median);
        let p95 = or(self.p95, median);
        if p95 < median {
            return refuse("provisioning.p95", "must not be below the median");
        }
        if median.is_zero() && !p95.is_zero() {
            return refuse("provisioning.median", "must be above 0s when p95 is: a lognormal time has no zero median");
        }
        Ok(Provisioning { median, p95, failure: percent("provisioning.failure_percent", self.failure_percent)? })
    }
}

impl RawSpot {
    fn check(self, default: Spot) -> Result<Spot, Problem> {
        let rate = self.interruptions_per_hour;
        if !(rate >= 0.0 && rate <= 1_000.0) {
            return refuse("spot.interruptions_per_hour", format!("{rate} is not between 0 and 1000"));
        }
        Ok(Spot { interruptions_per_hour: rate, notice: or(self.notice, default.notice) })
    }
}

impl RawHdfs {
    fn check(self, default: Hdfs) -> Result<Hdfs, Problem> {
        let mebibytes = |gib: u64| Mebibytes(gib.saturating_mul(1024));
        let hdfs = Hdfs {
            used: self.used_gib.map_or(default.used, mebibytes),
            capacity_per_node: self.capacity_gib_per_node.map_or(default.capacity_per_node, mebibytes),
            replication: self.replication.unwrap_or(default.replication),
        };
        if hdfs.capacity_per_node.get() == 0 {
            return refuse("hdfs.capacity_gib_per_node", "must be above 0");
        }
        if hdfs.replication == 0 {
            return refuse("hdfs.replication", "must be at least 1");
        }
        Ok(hdfs)
    }
}

fn percent(field: &str, value: f64) -> Result<Percent, Problem> {
    if (0.0..=100.0).contains(&value) { Ok(Percent(value)) } else { refuse(field, format!("{value} is not between 0 and 100")) }
}
