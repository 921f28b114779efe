//! Managed scaling policies, field by field.

use super::*;
use crate::policy::demand::DemandUnits;

#[test]
fn every_field_of_a_managed_scaling_policy_arrives() {
    let demand = |source: &str| *imported(source).policy.demand().expect("demand");
    let full = demand(MANAGED);
    assert_eq!(
        (full.min, full.max, full.max_on_demand, full.max_core),
        (2, 100, 20, 10)
    );
    assert_eq!(
        (full.units, full.performance_index.get()),
        (DemandUnits::Instances, 75)
    );
    assert_eq!(
        demand(&MANAGED.replace("Instances", "VCPU")).units,
        DemandUnits::Vcpu
    );
    assert_eq!(
        demand(&MANAGED.replace("Instances", "InstanceFleetUnits")).units,
        DemandUnits::FleetUnits
    );
    for index in [1_u8, 25, 50, 75, 100] {
        let source = MANAGED.replace("75", &index.to_string());
        assert_eq!(demand(&source).performance_index.get(), index);
    }
    assert_eq!(
        demand(&MANAGED.replace(",\n    \"UtilizationPerformanceIndex\": 75", ""))
            .performance_index
            .get(),
        50
    );
    assert_eq!(
        imported(&MANAGED.replace("j-2AB", "j-5XY"))
            .policy
            .description(),
        Some("Amazon's managed scaling of cluster j-5XY")
    );
}
