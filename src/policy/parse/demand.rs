//! `demand:`, and the targets of a policy that has it.

use super::super::demand::{Demand, DemandUnits, PerformanceIndex};
use super::super::diagnostic::Diagnostic;
use super::super::document::{CountText, DemandDocument, PolicyDocument, TargetDocument};
use super::super::scalar;
use super::super::yaml::At;
use super::super::{Guards, Limits, Selector, Target};
use super::Reader;
use crate::observation::{Market, Role};
use crate::units::Instances;

const UNITS: [(&str, DemandUnits); 3] = [
    (DemandUnits::Instances.as_str(), DemandUnits::Instances),
    (DemandUnits::Vcpu.as_str(), DemandUnits::Vcpu),
    (DemandUnits::FleetUnits.as_str(), DemandUnits::FleetUnits),
];

impl Reader<'_> {
    pub(super) fn demand(&mut self, at: &At<DemandDocument>) -> Option<Demand> {
        let DemandDocument {
            min,
            max,
            units,
            max_core,
            max_on_demand,
            performance_index,
        } = &at.value;
        let (least, most) = (
            self.take(min, scalar::count),
            self.take(max, |text| scalar::positive(text, "a maximum")),
        );
        let units = units
            .as_ref()
            .map_or(Some(DemandUnits::default()), |at| self.one_of(at, &UNITS));
        let max_core = self.part_of_max("max_core", max_core.as_ref(), most);
        let max_on_demand = self.part_of_max("max_on_demand", max_on_demand.as_ref(), most);
        let performance_index = performance_index
            .as_ref()
            .map_or(Some(PerformanceIndex::default()), |at| {
                self.performance_index(at)
            });
        let (least, most) = (least?, most?);
        if least > most {
            let error = Diagnostic::error(
                min.span.clone(),
                format!("`min: {least}` is above `max: {most}`"),
            );
            return self.refuse(error.help(format!(
                "write `min: {most}, max: {least}`, if they were swapped"
            )));
        }
        Some(Demand {
            min: least,
            max: most,
            units: units?,
            max_core: max_core?,
            max_on_demand: max_on_demand?,
            performance_index: performance_index?,
        })
    }

    /// A maximum of some of the units: that of all of them when it is left out.
    fn part_of_max(
        &mut self,
        field: &str,
        at: Option<&At<CountText>>,
        max: Option<u32>,
    ) -> Option<u32> {
        let Some(at) = at else { return max };
        let (part, max) = (self.take(at, scalar::count)?, max?);
        if part <= max {
            return Some(part);
        }
        let error = Diagnostic::error(
            at.span.clone(),
            format!("`{field}: {part}` is above `max: {max}`"),
        );
        self.refuse(error.help(format!("write {max} or less, or leave `{field}` out")))
    }

    fn performance_index(&mut self, at: &At<CountText>) -> Option<PerformanceIndex> {
        let index = self.take(at, scalar::count)?;
        let known = u8::try_from(index).ok().and_then(PerformanceIndex::new);
        if known.is_none() {
            let error = Diagnostic::error(
                at.span.clone(),
                format!("`{index}` is not a performance index"),
            );
            self.error(error.help("write a number from `1` (least cost) to `100` (least waiting)"));
        }
        known
    }

    /// What is written of a target of a demand policy that cannot be there.
    pub(super) fn check_demand_target(
        &mut self,
        document: &TargetDocument,
        selector: Option<&Selector>,
        units: Option<DemandUnits>,
    ) {
        if let Some(rule) = document.rules.first() {
            let error = Diagnostic::error(
                rule.name.span.clone(),
                "a policy follows `demand` or has rules, never both",
            );
            self.error(error.help("remove the rules, or remove `demand`"));
        }
        let place = || document.group.span.clone();
        match (selector.and_then(Selector::is_fleet), units) {
            (Some(true), Some(units @ (DemandUnits::Instances | DemandUnits::Vcpu))) => {
                let error = Diagnostic::error(
                    place(),
                    format!("the capacity of a fleet is not counted in {units}"),
                );
                self.error(error.help("write `units: fleet-units` in `demand`"));
            }
            (Some(false), Some(DemandUnits::FleetUnits)) => {
                let error = Diagnostic::error(place(), "an instance group has no fleet units");
                self.error(error.help("write `units: instances` in `demand`, or name a `fleet` with its `market` here"));
            }
            _ => {}
        }
    }
}

/// What a demand policy scales that names no targets.
pub(super) fn default_targets(
    document: &PolicyDocument,
    demand: Option<&Demand>,
) -> Vec<Option<Target>> {
    let (None, Some(demand)) = (&document.targets, demand) else {
        return Vec::new();
    };
    let selector = |role, market| match demand.units {
        DemandUnits::Instances | DemandUnits::Vcpu => Selector::Group { role, market },
        DemandUnits::FleetUnits => Selector::Fleet { role, market },
    };
    let target = |(role, market)| Target {
        selector: selector(role, market),
        may_be_absent: true,
        limits: limits_of(demand),
        rules: Vec::new(),
        guards: Guards::default(),
        schedule: Vec::new(),
        signals: Vec::new(),
        windows: Vec::new(),
    };
    let parts = [Role::Core, Role::Task]
        .into_iter()
        .flat_map(|role| [Market::OnDemand, Market::Spot].map(|market| (role, market)));
    parts.map(|part| Some(target(part))).collect()
}

/// The limits of a target that has none of its own: only those of `demand` bind. An instance is one
/// unit at least, whatever is counted.
pub(super) fn limits_of(demand: &Demand) -> Limits {
    Limits::new(Instances(0), Instances(demand.max))
        .unwrap_or_else(|| Limits::exactly(Instances(demand.max)))
}
