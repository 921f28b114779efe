//! The operations of EMR's API that this program calls, and their IAM permissions.

/// Defines the operations by their names in EMR's API, which are also the names of the permissions.
macro_rules! operations {
    ($($name:ident: $purpose:ident, $why:literal;)+) => {
        /// An operation of EMR's API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Operation {
            $(#[doc = concat!("Purpose: ", $why, ".")] $name),+
        }

        impl Operation {
            /// All operations.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name of the operation in EMR's API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// The IAM action that the role must be allowed.
            pub const fn permission(self) -> &'static str {
                match self { $(Self::$name => concat!("elasticmapreduce:", stringify!($name))),+ }
            }

            /// Whether the operation changes the cluster; a dry run does not need it.
            pub const fn is_change(self) -> bool {
                match self { $(Self::$name => matches!(Purpose::$purpose, Purpose::Change)),+ }
            }

            /// What the operation is for.
            pub const fn why(self) -> &'static str {
                match self { $(Self::$name => $why),+ }
            }
        }
    };
}

enum Purpose {
    Read,
    Change,
}

operations! {
    DescribeCluster: Read, "the cluster's state";
    ListInstanceGroups: Read, "sizes and states of instance groups";
    ListInstanceFleets: Read, "capacities and states of instance fleets";
    ListInstances: Read, "which instance is behind which YARN node";
    ListSteps: Read, "steps that wait or run, for rules that read them and for `demand`";
    GetManagedScalingPolicy: Read, "whether EMR managed scaling is on";
    ModifyInstanceGroups: Change, "to resize an instance group";
    ModifyInstanceFleet: Change, "to resize an instance fleet";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_modifications_are_changes_and_each_permission_is_named_like_its_operation() {
        let changes: Vec<&str> = Operation::ALL
            .iter()
            .filter(|operation| operation.is_change())
            .map(|operation| operation.name())
            .collect();
        assert_eq!(changes, ["ModifyInstanceGroups", "ModifyInstanceFleet"]);
        for operation in Operation::ALL {
            assert_eq!(
                operation.permission(),
                format!("elasticmapreduce:{}", operation.name())
            );
        }
    }
}
