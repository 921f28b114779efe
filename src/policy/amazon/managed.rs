//! `ManagedScalingPolicy`: limits within which a cluster follows its demand.

use super::document::{ComputeLimits, ManagedScaling};
use super::notes::Notes;
use super::shape::Text;
use super::translated::Translated;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::{
    CountText, DemandDocument, DemandUnitsText, NameText, PolicyDocument,
};
use crate::policy::scalar;
use crate::policy::yaml::At;

const MOST_UNITS: i64 = scalar::MOST_INSTANCES as i64;
const UNITS: [(&str, &str); 3] = [
    ("InstanceFleetUnits", "fleet-units"),
    ("Instances", "instances"),
    ("VCPU", "vcpu"),
];
const STRATEGIES: [(&str, bool); 2] = [("DEFAULT", false), ("ADVANCED", true)];
const INDEXES: [(&str, ()); 5] = [("1", ()), ("25", ()), ("50", ()), ("75", ()), ("100", ())];

/// As a policy that follows demand.
///
/// # Errors
/// Everything that is wrong with it.
pub fn translate(
    policy: &At<ManagedScaling>,
    path: &str,
    name: &str,
    description: String,
) -> Result<Translated, Vec<Diagnostic>> {
    let mut notes = Notes::new(path);
    let ManagedScaling { compute_limits, .. } = &policy.value;
    let demand = demand(&policy.value, &mut notes);
    let Some(demand) = demand.filter(|_| notes.errors.is_empty()) else {
        return Err(notes.errors);
    };
    let document = PolicyDocument {
        name: policy.with(NameText(name.to_owned())),
        description: Some(description),
        poll: None,
        uses_yarn: None,
        metrics: Default::default(),
        demand: Some(compute_limits.with(demand)),
        targets: None,
    };
    Ok(Translated {
        document,
        path: path.to_owned(),
        descriptions: Vec::new(),
        remarks: notes.remarks,
    })
}

fn demand(policy: &ManagedScaling, notes: &mut Notes) -> Option<DemandDocument> {
    let limits = &policy.compute_limits.value;
    let units = notes.one_of("ComputeLimits.UnitType", &limits.unit_type, &UNITS);
    check_limits(limits, notes);
    let performance_index = performance_index(policy, notes);
    let count = |at: &Text| {
        let text = at.value.0.trim();
        at.with(CountText(
            text.strip_suffix(".0").unwrap_or(text).to_owned(),
        ))
    };
    Some(DemandDocument {
        min: count(&limits.minimum_capacity_units),
        max: count(&limits.maximum_capacity_units),
        units: Some(limits.unit_type.with(DemandUnitsText(units?.to_owned()))),
        max_core: limits.maximum_core_capacity_units.as_ref().map(count),
        max_on_demand: limits.maximum_on_demand_capacity_units.as_ref().map(count),
        market_order: None,
        performance_index,
    })
}

/// No part is more than the whole.
fn check_limits(limits: &ComputeLimits, notes: &mut Notes) {
    let max = notes.whole(
        "ComputeLimits.MaximumCapacityUnits",
        &limits.maximum_capacity_units,
        1..=MOST_UNITS,
    );
    let parts = [
        ("MinimumCapacityUnits", Some(&limits.minimum_capacity_units)),
        (
            "MaximumOnDemandCapacityUnits",
            limits.maximum_on_demand_capacity_units.as_ref(),
        ),
        (
            "MaximumCoreCapacityUnits",
            limits.maximum_core_capacity_units.as_ref(),
        ),
    ];
    for (field, at) in parts {
        let Some(at) = at else { continue };
        let path = format!("ComputeLimits.{field}");
        if let (Some(part), Some(max)) = (notes.whole(&path, at, 0..=MOST_UNITS), max)
            && part > max
        {
            let _: Option<()> = notes.refuse(
                path,
                at,
                format!("{part} is above MaximumCapacityUnits, {max}"),
                format!("write {max} or less"),
            );
        }
    }
}

/// The index counts with the strategy `ADVANCED` only.
fn performance_index(policy: &ManagedScaling, notes: &mut Notes) -> Option<At<CountText>> {
    let strategy = policy.scaling_strategy.as_ref();
    let is_advanced =
        strategy.is_some_and(|at| notes.one_of("ScalingStrategy", at, &STRATEGIES) == Some(true));
    let at = policy.utilization_performance_index.as_ref()?;
    notes.one_of("UtilizationPerformanceIndex", at, &INDEXES)?;
    if !is_advanced {
        let help = "with the strategy DEFAULT the index is 50; write `\"ScalingStrategy\": \"ADVANCED\"` to use another one";
        notes.remark(
            "UtilizationPerformanceIndex",
            at,
            format!(
                "{} has an effect only with the strategy ADVANCED",
                at.value.0
            ),
            help,
        );
        return None;
    }
    Some(at.with(CountText(at.value.0.clone())))
}
