//! Reads a scenario file and checks its values.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use super::check_queues::check_queues;
use super::raw::{
    RawDuration, RawGroup, RawHdfs, RawLimits, RawMetrics, RawNode, RawPrice, RawProvisioning,
    RawScenario, RawShortage, RawSpot, RawYarn,
};
use super::refuse::refuse;
use super::{
    GroupSpec, Hdfs, Metrics, Provisioning, Scenario, ScenarioError, Shortage, Spot, YarnDelays,
};
use crate::observation::{GroupId, GroupKind, Role};
use crate::policy::Limits;
use crate::policy::diagnostic::{Diagnostic, PolicyErrors};
use crate::policy::yaml::{self, At};
use crate::pricing::{PriceTable, PricingError, Rates};
use crate::units::{Instances, Mebibytes, Percent, Resources, VirtualCores, display_duration};

/// More instances than this in one group are a typing error: EMR's quotas are far below.
const MAX_INSTANCES: u32 = 100_000;

/// A higher price for an instance is a typing error.
const MAX_USD_H: f64 = 1_000.0;

impl Scenario {
    /// Reads a scenario; `file` names it in errors.
    ///
    /// # Errors
    /// When it is not YAML of the right shape, or a value is not valid (a percentage above 100, an
    /// unknown instance type, two groups of one name).
    pub fn parse(text: &str, file: &Path) -> Result<Self, ScenarioError> {
        let name = file.display().to_string();
        let refused = |problem| ScenarioError::Refused {
            file: file.to_owned(),
            source: PolicyErrors::new(&name, text, vec![problem]),
        };
        let mut raw: RawScenario = yaml::read(text).map_err(refused)?;
        let table = match &raw.prices {
            Some(prices) => PriceTable::shipped()
                .with_override_file(&file.with_file_name(prices))
                .map_err(|source| ScenarioError::Prices {
                    file: file.to_owned(),
                    source,
                })?,
            None => PriceTable::shipped(),
        };
        if raw.name.is_empty() {
            raw.name.clone_from(&name);
        }
        raw.check(&table).map_err(refused)
    }
}

fn refuse_type<T>(place: &Range<usize>, problem: &PricingError) -> Result<T, Diagnostic> {
    let help = "types that are not in the shipped table need `node` and `price` here, or a price file (`prices`)";
    Err(Diagnostic::error(place.clone(), problem.to_string()).help(help))
}

/// The duration that the file sets, or the default.
fn or(text: Option<RawDuration>, default: Duration) -> Duration {
    text.map_or(default, |RawDuration(duration)| duration)
}

impl RawScenario {
    fn check(self, table: &PriceTable) -> Result<Scenario, Diagnostic> {
        let default = Scenario::default();
        let groups = check_groups(self.cluster.groups, table)?;
        let poll = match self.poll {
            Some(At {
                value: RawDuration(poll),
                span,
            }) if poll < Duration::from_secs(1) => {
                return refuse(
                    &span,
                    "poll",
                    format_args!(
                        "{} is too short; it must be at least 1s",
                        display_duration(poll)
                    ),
                );
            }
            poll => poll.map(
                |At {
                     value: RawDuration(poll),
                     ..
                 }| poll,
            ),
        };
        Ok(Scenario {
            name: self.name,
            description: self.description,
            groups,
            poll,
            scheduler: self.scheduler,
            queues: self.queues.map_or(Ok(Vec::new()), |queues| {
                check_queues(queues, self.scheduler)
            })?,
            yarn: self.yarn.into(),
            provisioning: self.provisioning.map_or(Ok(default.provisioning), |own| {
                own.value.check(&own.span, default.provisioning)
            })?,
            decommission_timeout: or(self.decommission_timeout, default.decommission_timeout),
            spot: self.spot.map_or(Ok(default.spot), |own| {
                own.value.check(&own.span, default.spot)
            })?,
            metrics: self.metrics.map_or(Ok(default.metrics), |own| {
                own.value.check(&own.span, default.metrics)
            })?,
            hdfs: self.hdfs.map_or(Ok(default.hdfs), |own| {
                own.value.check(&own.span, default.hdfs)
            })?,
            slo_wait: self.slo.wait.map(|RawDuration(wait)| wait),
            max_duration: default.max_duration,
        })
    }
}

fn check_groups(
    raw: At<Vec<At<RawGroup>>>,
    table: &PriceTable,
) -> Result<Vec<GroupSpec>, Diagnostic> {
    let mut groups: Vec<GroupSpec> = Vec::with_capacity(raw.value.len());
    for At { value, span } in raw.value {
        let group = value.check(&span, table)?;
        if groups.iter().any(|other| other.name == group.name) {
            return refuse(
                &span,
                "name",
                format_args!(
                    "there is another group `{}`; give each group a different name",
                    group.name
                ),
            );
        }
        if groups.iter().any(|other| other.id == group.id) {
            return refuse(
                &span,
                "id",
                format_args!(
                    "there is another group with the id `{}`; give each group a different id",
                    group.id
                ),
            );
        }
        groups.push(group);
    }
    if !groups.iter().any(|group| group.role != Role::Primary) {
        return refuse(
            &raw.span,
            "groups",
            "there is no core or task group to run the work; add one",
        );
    }
    Ok(groups)
}

impl RawGroup {
    fn check(self, place: &Range<usize>, table: &PriceTable) -> Result<GroupSpec, Diagnostic> {
        let limits = check_size(self.count, self.limits, place)?;
        let instance_type = &self.r#type.value;
        let node = match (self.role, self.node) {
            (Role::Primary, _) => Resources::default(),
            (_, Some(RawNode { memory_mib: 0, .. } | RawNode { vcores: 0, .. })) => {
                return refuse(
                    place,
                    "node",
                    "must have memory and cores; set `memory_mib` and `vcores` above 0",
                );
            }
            (_, Some(RawNode { memory_mib, vcores })) => Resources {
                memory: Mebibytes(memory_mib),
                vcores: VirtualCores(vcores),
            },
            (_, None) => match table.instance_type(instance_type) {
                Ok(known) => known.yarn,
                Err(unknown) => return refuse_type(&self.r#type.span, &unknown),
            },
        };
        let rates = match self.price {
            Some(own) => own.check(place)?,
            None => match table.rates(instance_type, self.market) {
                Ok(rates) => rates,
                Err(unknown) => return refuse_type(&self.r#type.span, &unknown),
            },
        };
        let shortages = check_shortages(self.shortages, place)?;
        let id = self.id.unwrap_or_else(|| match (self.kind, self.market) {
            (GroupKind::Group, _) => format!("ig-{}", self.name),
            (GroupKind::Fleet, market) => format!("if-{}/{market}", self.name),
        });
        Ok(GroupSpec {
            id: GroupId::new(id),
            name: self.name.into(),
            role: self.role,
            kind: self.kind,
            instance_type: self.r#type.value,
            market: self.market,
            count: Instances(self.count),
            limits,
            node,
            rates,
            shortages,
        })
    }
}

fn check_shortages(
    raw: Vec<RawShortage>,
    place: &Range<usize>,
) -> Result<Vec<Shortage>, Diagnostic> {
    let mut shortages = Vec::with_capacity(raw.len());
    for shortage in raw {
        let (from, to) = (shortage.from.0, shortage.to.0);
        if from >= to {
            return refuse(
                place,
                "shortages",
                "one ends before it begins; `to` must be later than `from`",
            );
        }
        shortages.push(Shortage {
            from,
            to,
            available: shortage.available,
        });
    }
    Ok(shortages)
}

/// The limits of a group, if they and its count make sense.
fn check_size(
    count: u32,
    limits: Option<RawLimits>,
    place: &Range<usize>,
) -> Result<Option<Limits>, Diagnostic> {
    let most = limits.as_ref().map_or(0, |limits| limits.max).max(count);
    if most > MAX_INSTANCES {
        return refuse(
            place,
            "count",
            format_args!(
                "{most} instances are more than the {MAX_INSTANCES} that a group may have; set fewer"
            ),
        );
    }
    let Some(RawLimits { min, max }) = limits else {
        return Ok(None);
    };
    match Limits::new(Instances(min), Instances(max)) {
        Some(limits) => Ok(Some(limits)),
        None => refuse(
            place,
            "limits",
            format_args!("min {min} is above max {max}; write min: {max}, max: {min}"),
        ),
    }
}

impl RawPrice {
    fn check(self, place: &Range<usize>) -> Result<Rates, Diagnostic> {
        let Self {
            ec2_usd_h,
            emr_usd_h,
            ebs_usd_h,
        } = self;
        if [ec2_usd_h, emr_usd_h, ebs_usd_h]
            .iter()
            .all(|price| (0.0..=MAX_USD_H).contains(price))
        {
            Ok(Rates {
                ec2_usd_h,
                emr_usd_h,
                ebs_usd_h,
            })
        } else {
            refuse(
                place,
                "price",
                format_args!("each price must be from 0 to {MAX_USD_H} US dollars an hour"),
            )
        }
    }
}

impl From<RawYarn> for YarnDelays {
    fn from(
        RawYarn {
            application_start,
            container_overhead,
            heartbeat,
        }: RawYarn,
    ) -> Self {
        let [application_start, container_overhead, heartbeat] =
            [application_start, container_overhead, heartbeat].map(|text| or(text, Duration::ZERO));
        Self {
            application_start,
            container_overhead,
            heartbeat,
        }
    }
}

impl RawProvisioning {
    fn check(
        self,
        place: &Range<usize>,
        default: Provisioning,
    ) -> Result<Provisioning, Diagnostic> {
        let median = or(self.median, default.median);
        let p95 = or(self.p95, median);
        if p95 < median {
            return refuse(
                place,
                "p95",
                format_args!(
                    "must not be below the median, which is {}",
                    display_duration(median)
                ),
            );
        }
        if median.is_zero() && !p95.is_zero() {
            return refuse(
                place,
                "median",
                "must be above 0s if `p95` is, because the median of a lognormal time is never zero",
            );
        }
        Ok(Provisioning {
            median,
            p95,
            failure: percent(place, "failure_percent", self.failure_percent)?,
        })
    }
}

impl RawSpot {
    fn check(self, place: &Range<usize>, default: Spot) -> Result<Spot, Diagnostic> {
        let rate = self.interruptions_per_hour;
        if !(0.0..=1_000.0).contains(&rate) {
            return refuse(
                place,
                "interruptions_per_hour",
                format_args!("{rate} is not from 0 to 1000"),
            );
        }
        Ok(Spot {
            interruptions_per_hour: rate,
            notice: or(self.notice, default.notice),
        })
    }
}

impl RawMetrics {
    fn check(self, place: &Range<usize>, default: Metrics) -> Result<Metrics, Diagnostic> {
        Ok(Metrics {
            delay: or(self.delay, default.delay),
            loss: percent(place, "loss_percent", self.loss_percent)?,
        })
    }
}

impl RawHdfs {
    fn check(self, place: &Range<usize>, default: Hdfs) -> Result<Hdfs, Diagnostic> {
        let mebibytes = |gib: u64| Mebibytes(gib.saturating_mul(1024));
        let hdfs = Hdfs {
            used: self.used_gib.map_or(default.used, mebibytes),
            capacity_per_node: self
                .capacity_gib_per_node
                .map_or(default.capacity_per_node, mebibytes),
            replication: self.replication.unwrap_or(default.replication),
        };
        if hdfs.capacity_per_node.get() == 0 {
            return refuse(place, "capacity_gib_per_node", "must be above 0");
        }
        if hdfs.replication == 0 {
            return refuse(place, "replication", "must be at least 1");
        }
        Ok(hdfs)
    }
}

fn percent(place: &Range<usize>, field: &str, value: f64) -> Result<Percent, Diagnostic> {
    if (0.0..=100.0).contains(&value) {
        Ok(Percent(value))
    } else {
        refuse(place, field, format_args!("{value} is not from 0 to 100"))
    }
}
