//! Maps host names to instances. The list is read page by page, and only when it may have changed.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_emr::types::Instance;

use super::describe::{self, Host};
use crate::observation::{GroupId, GroupStatus};
use crate::units::{Instances, Timestamp};

/// How often the instances are listed without another reason; one may have been replaced.
const LIST_EVERY: Duration = Duration::from_secs(600);
/// How often the instances are listed because of an unknown host, which EMR may never list.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(60);

/// The number of running instances of each group. A change means that the list is outdated.
pub type Shape = BTreeMap<GroupId, Instances>;

/// The instances by host name and address, as of the last complete list.
#[derive(Debug, Default)]
pub struct Hosts {
    known: BTreeMap<String, Host>,
    listed: Option<(Timestamp, Shape)>,
    /// A list that is not complete yet: a long one may need more calls than a minute's budget.
    unfinished: Option<Unfinished>,
    is_one_unknown: bool,
}

#[derive(Debug)]
struct Unfinished {
    hosts: BTreeMap<String, Host>,
    marker: String,
    shape: Shape,
}

impl Hosts {
    /// The listed instances.
    pub fn known(&self) -> &BTreeMap<String, Host> {
        &self.known
    }

    /// The listed instances, if the list is of a cluster of this shape.
    pub fn known_for(&self, shape: &Shape) -> Option<&BTreeMap<String, Host>> {
        let (_, listed) = self.listed.as_ref()?;
        (listed == shape).then_some(&self.known)
    }

    /// Notes that YARN reports a host that is not listed.
    pub fn note_unknown(&mut self) {
        self.is_one_unknown = true;
    }

    /// Whether the next page should be read.
    pub fn is_due(&self, now: Timestamp, shape: &Shape) -> bool {
        let Some((listed_at, listed_shape)) = &self.listed else {
            return true;
        };
        let age = now.since(*listed_at);
        self.unfinished.is_some()
            || listed_shape != shape
            || age >= LIST_EVERY
            || (self.is_one_unknown && age >= LOOK_AGAIN_EVERY)
            || now < *listed_at
    }

    /// The marker of the next page; `None` for the first one.
    pub fn marker(&self) -> Option<String> {
        self.unfinished
            .as_ref()
            .map(|unfinished| unfinished.marker.clone())
    }

    /// Adds a page. `next` is the marker of the following one. The list belongs to the shape that
    /// the cluster had when the list began, so that it is read again if the shape changes meanwhile.
    pub fn add(&mut self, now: Timestamp, shape: &Shape, page: &[Instance], next: Option<String>) {
        let begun = self
            .unfinished
            .take()
            .map(|unfinished| (unfinished.hosts, unfinished.shape));
        let (mut hosts, shape) = begun.unwrap_or_else(|| (BTreeMap::new(), shape.clone()));
        for (names, host) in page.iter().filter_map(describe::host) {
            hosts.extend(names.into_iter().map(|name| (name, host.clone())));
        }
        match next {
            Some(marker) => {
                self.unfinished = Some(Unfinished {
                    hosts,
                    marker,
                    shape,
                })
            }
            None => {
                self.known = hosts;
                self.listed = Some((now, shape));
                self.is_one_unknown = false;
            }
        }
    }

    /// Starts the list over, because reading the next page failed: EMR may no longer accept the
    /// marker.
    pub fn start_over(&mut self) {
        self.unfinished = None;
    }
}

/// The shape of a cluster.
pub fn shape(groups: &[GroupStatus]) -> Shape {
    groups
        .iter()
        .map(|group| (group.id.clone(), group.running))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: i64) -> Timestamp {
        Timestamp::from_millis(1_000 * s)
    }

    fn running(task: u32) -> Shape {
        Shape::from([
            (GroupId::new("ig-core"), Instances(2)),
            (GroupId::new("ig-task"), Instances(task)),
        ])
    }

    #[test]
    fn instances_are_listed_when_the_groups_changed_when_a_host_is_unknown_for_a_minute_and_every_ten()
     {
        let mut hosts = Hosts::default();
        assert!(hosts.is_due(second(0), &running(4)));
        hosts.add(second(0), &running(4), &[], None);
        let due = |hosts: &Hosts, at, task| hosts.is_due(second(at), &running(task));
        assert_eq!(
            [due(&hosts, 599, 4), due(&hosts, 600, 4), due(&hosts, 1, 5)],
            [false, true, true]
        );
        assert!(due(&hosts, -1, 4), "the clock went back");
        hosts.note_unknown();
        assert_eq!([due(&hosts, 59, 4), due(&hosts, 60, 4)], [false, true]);
        hosts.add(second(60), &running(4), &[], None);
        assert!(!due(&hosts, 120, 4), "it was looked for, and is not there");
    }

    #[test]
    fn a_list_of_a_cluster_that_changes_meanwhile_comes_to_its_end_and_is_made_again() {
        let mut hosts = Hosts::default();
        hosts.add(second(0), &running(4), &[], Some("page 2".to_owned()));
        assert!(hosts.is_due(second(1), &running(4)));
        assert_eq!(hosts.marker().as_deref(), Some("page 2"));
        hosts.add(second(1), &running(5), &[], None);
        assert_eq!(hosts.marker(), None);
        assert!(
            hosts.is_due(second(2), &running(5)),
            "the list was begun when four ran"
        );
        assert!(!hosts.is_due(second(2), &running(4)));
    }
}
