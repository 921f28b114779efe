//! Who is served next: the queues of the capacity scheduler, and in each of them the jobs of each user.
//!
//! The queue that uses the least of its capacity comes first. A queue takes no more memory than its
//! maximum; a user who has more than the user limit gets nothing further in the queue, as in YARN.
//! Both are shares of the memory that the active nodes offer. A scenario without queues has a single
//! line, without limits.

use std::collections::VecDeque;

use super::rows::Request;
use crate::observation::pending_limit::{LimitedBy, MostAllowed, PendingLimit};
use crate::sim::job_work::{JobWork, Submitter};
use crate::sim::scenario::QueueSpec;
use crate::sim::workload::QueueUsage;
use crate::units::{Mebibytes, Percent, Resources};

/// All jobs with something to start.
#[derive(Debug, Default)]
pub(super) struct Lines<'a> {
    /// Empty for a scenario without queues.
    queues: Vec<QueueUse<'a>>,
    /// The queues by position, the one that is served first in front.
    turn: Vec<usize>,
    /// One for each user of each queue, by [`JobSpec::submitter`](crate::sim::job_work::JobSpec).
    lines: Vec<Line>,
    /// Jobs in all lines.
    waiting: usize,
}

/// A queue, and what its containers hold.
#[derive(Debug)]
struct QueueUse<'a> {
    spec: &'a QueueSpec,
    used: Resources,
    /// What the application masters use that run or may start.
    masters: Mebibytes,
    /// Its lines, by position.
    lines: Vec<usize>,
}

/// The jobs of one user in one queue.
#[derive(Debug, Default)]
struct Line {
    queue: usize,
    used: Resources,
    /// Jobs with something to start, in the order in which they are served: by held memory (fair
    /// queueing only), then by submission. Most are added at the end and removed at the front.
    order: VecDeque<(u64, u32)>,
}

impl<'a> Lines<'a> {
    /// Lines in which no job waits. Each queue that a job names must be there.
    pub fn new(work: &JobWork, queues: &'a [QueueSpec]) -> Self {
        let line = |queue| Line {
            queue,
            ..Line::default()
        };
        let queue_of = |name: &str| queues.iter().position(|queue| queue.has(name));
        let lines: Vec<Line> = match queues {
            [] => vec![line(0)],
            _ => (work.submitters.iter())
                .map(|submitter| line(queue_of(&submitter.queue).unwrap_or(0)))
                .collect(),
        };
        let lines_of = |queue| {
            let of_queue = lines.iter().enumerate();
            let of_queue = of_queue.filter(move |(_, line): &(usize, &Line)| line.queue == queue);
            of_queue.map(|(index, _)| index).collect()
        };
        Self {
            turn: (0..queues.len()).collect(),
            queues: queues
                .iter()
                .enumerate()
                .map(|(index, spec)| QueueUse {
                    spec,
                    used: Resources::default(),
                    masters: Mebibytes::ZERO,
                    lines: lines_of(index),
                })
                .collect(),
            waiting: 0,
            lines,
        }
    }

    /// Whether queues and users have limits.
    #[inline]
    pub fn has_limits(&self) -> bool {
        !self.queues.is_empty()
    }

    /// Whether no job waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Moves a job to another place in the line of its submitter, or into it or out of it.
    #[inline]
    pub fn replace(&mut self, submitter: u32, old: Option<(u64, u32)>, new: Option<(u64, u32)>) {
        let index = self.index(submitter);
        let order = &mut self.lines[index].order;
        if let Some(Ok(position)) = old.map(|old| order.binary_search(&old)) {
            order.remove(position);
            self.waiting -= 1;
        }
        if let Some(new) = new
            && let Err(position) = order.binary_search(&new)
        {
            order.insert(position, new);
            self.waiting += 1;
        }
    }

    /// The jobs of a scenario without queues.
    #[inline]
    pub fn single(&self) -> &VecDeque<(u64, u32)> {
        &self.lines[0].order
    }

    #[inline]
    fn index(&self, submitter: u32) -> usize {
        if self.queues.is_empty() {
            0
        } else {
            submitter as usize
        }
    }

    /// Whether an application master may start in the queue of a submitter: the masters of a queue take at
    /// most a `share` of its maximum, except for a single one.
    pub fn takes_master(
        &self,
        submitter: u32,
        master: Mebibytes,
        offered: Mebibytes,
        share_of_masters: f64,
    ) -> bool {
        let Some(queue) = self.queue_of(submitter) else {
            return true;
        };
        let most = share_of_masters * share(queue.spec.maximum, offered);
        queue.masters == Mebibytes::ZERO || (queue.masters + master).as_f64() <= most
    }

    /// Changes the memory of the masters in the queue of a submitter.
    pub fn change_masters(&mut self, submitter: u32, change: impl FnOnce(Mebibytes) -> Mebibytes) {
        if self.has_limits() {
            let queue = self.lines[submitter as usize].queue;
            let masters = &mut self.queues[queue].masters;
            *masters = change(*masters);
        }
    }

    fn queue_of(&self, submitter: u32) -> Option<&QueueUse<'a>> {
        let line = self
            .lines
            .get(submitter as usize)
            .filter(|_| self.has_limits())?;
        self.queues.get(line.queue)
    }

    /// Notes that a container of a submitter started.
    pub fn started(&mut self, submitter: u32, each: Resources) {
        let line = &mut self.lines[submitter as usize];
        line.used = line.used.plus(each);
        let queue = &mut self.queues[line.queue];
        queue.used = queue.used.plus(each);
    }

    /// Notes that a container of a submitter ended.
    pub fn ended(&mut self, submitter: u32, each: Resources) {
        let line = &mut self.lines[submitter as usize];
        line.used = line.used.minus(each);
        let queue = &mut self.queues[line.queue];
        queue.used = queue.used.minus(each);
    }

    /// The container that may start next within all limits, of those that are not larger than what is
    /// `left` on all nodes together; the nodes offer `offered`.
    pub fn next(
        &mut self,
        offered: Mebibytes,
        left: Resources,
        request: impl Fn(u32) -> Request,
    ) -> Option<Request> {
        let queues = &self.queues;
        self.turn.sort_by(|a, b| {
            queues[*a]
                .use_of_capacity()
                .total_cmp(&queues[*b].use_of_capacity())
        });
        self.turn.iter().find_map(|index| {
            let queue = &self.queues[*index];
            let user_limit = share(queue.spec.user_limit(), offered);
            let lines = queue.lines.iter().map(|line| &self.lines[*line]);
            let lines = lines.filter(|line| line.used.memory.as_f64() <= user_limit);
            let first_of = |line: &Line| {
                let mut requests = line.order.iter().map(|entry| (*entry, request(entry.1)));
                requests.find(|(_, request)| left.covers(request.each))
            };
            let first = lines.filter_map(first_of).min_by_key(|(entry, _)| *entry);
            let within = |(_, request): &(_, Request)| {
                queue.used.plus(request.each).memory.as_f64() <= share(queue.spec.maximum, offered)
            };
            first.filter(within).map(|(_, request)| request)
        })
    }

    /// What keeps waiting containers from starting, as the daemon reads it from YARN: for each queue
    /// the smaller of its maximum and what the users who wait may have together, if that is less than
    /// the cluster. `waiting` are the containers that wait, by submitter.
    pub fn pending_limits(&self, waiting: &[(u64, Resources)]) -> Vec<PendingLimit> {
        (0..self.queues.len())
            .filter_map(|queue| self.pending_limit(queue, waiting))
            .collect()
    }

    /// What the queues and their users have.
    pub fn usage(&self, submitters: &[Submitter]) -> Vec<QueueUsage> {
        let of_queue = |(index, queue): (usize, &QueueUse)| {
            let lines = self.lines.iter().zip(submitters);
            let users = lines.filter(|(line, _)| line.queue == index);
            QueueUsage {
                spec: queue.spec.clone(),
                used: queue.used,
                users: users
                    .map(|(line, submitter)| (submitter.user.clone(), line.used))
                    .collect(),
            }
        };
        self.queues.iter().enumerate().map(of_queue).collect()
    }

    fn pending_limit(&self, index: usize, waiting: &[(u64, Resources)]) -> Option<PendingLimit> {
        let QueueUse { spec, used, .. } = &self.queues[index];
        let (mut users, mut used_by_users) = (0.0, Resources::default());
        let (mut containers, mut pending) = (0, Resources::default());
        for (line, (count, resources)) in self.lines.iter().zip(waiting) {
            if line.queue == index && *count > 0 {
                users += 1.0;
                used_by_users = used_by_users.plus(line.used);
                containers += count;
                pending = pending.plus(*resources);
            }
        }
        let queue = || spec.name.clone();
        let of_users = users * spec.user_limit().get();
        let (by, most, used) = if of_users < spec.maximum.get() {
            (
                LimitedBy::UserLimit { queue: queue() },
                of_users,
                used_by_users,
            )
        } else {
            let by = LimitedBy::QueueMaximum { queue: queue() };
            (by, spec.maximum.get(), *used)
        };
        (containers > 0 && most < 100.0).then_some(PendingLimit {
            by,
            memory_pending: pending.memory,
            vcores_pending: pending.vcores,
            containers_pending: containers,
            memory_used: used.memory,
            vcores_used: used.vcores,
            most: Some(MostAllowed::Share(Percent(most))),
        })
    }
}

fn share(of: Percent, offered: Mebibytes) -> f64 {
    of.get() / 100.0 * offered.as_f64()
}

impl QueueUse<'_> {
    fn use_of_capacity(&self) -> f64 {
        self.used.memory.as_f64() / self.spec.capacity.get()
    }
}
