//! The numbers behind the size that a `demand:` policy asks for.

use prometheus::GaugeVec;

use super::families::Families;
use crate::decision::DemandReport;

/// Sets the gauges of a demand.
pub fn set_demand(families: &Families, demand: &DemandReport) {
    let whole = [
        ("needed", demand.units_needed),
        ("kept", demand.units_kept),
        ("others", demand.units_others),
        ("desired", demand.units_desired),
    ];
    let parts = [
        ("pending", demand.units_pending),
        ("served", demand.units_served),
        ("remaining", demand.units_remaining),
        ("for_remaining", demand.units_for_remaining),
        ("expected", demand.units_expected()),
    ];
    let whole = whole
        .into_iter()
        .chain(demand.units_forecast.map(|units| ("forecast", units)))
        .chain(
            demand
                .known
                .iter()
                .flat_map(|known| [("usable", known.units_usable), ("best", known.units_best)]),
        );
    for (part, units) in parts
        .into_iter()
        .chain(whole.map(|(part, units)| (part, f64::from(units))))
    {
        set(&families.demand_units, &[part], units);
    }
    set(&families.demand_patience, &[], demand.patience_s);
    set(&families.demand_provisioning, &[], demand.provisioning_s);
    if let Some(lifetime_s) = demand.container_lifetime_s {
        set(&families.demand_container_lifetime, &[], lifetime_s);
    }
    set(&families.demand_keep_idle, &[], demand.keep_idle_s);
    set(&families.demand_days, &[], f64::from(demand.days_known));
}

fn set(gauge: &GaugeVec, labels: &[&str], value: f64) {
    gauge.with_label_values(labels).set(value);
}
