//! What becomes of containers whose node is lost.

use super::queue::NONE;
use super::state::ContainerWorkload;
use super::table::Container;
use crate::sim::cluster::{Cluster, NodeIndex};

impl ContainerWorkload<'_> {
    /// Loses everything on a node. The tasks of a lost application master are lost with it,
    /// wherever they run.
    pub(super) fn lose_node(&mut self, node: NodeIndex, now_ms: i64, cluster: &mut Cluster) {
        let mut orphaned = Vec::new();
        for index in self.containers.select(|container| container.node == node) {
            let Container {
                job,
                stage,
                executor,
                ..
            } = *self.containers.get(index);
            match stage {
                _ if executor != NONE => self.lose_executor_task(index, now_ms),
                NONE => {
                    orphaned.push(job);
                    self.lose(index, now_ms);
                }
                stage if self.queue.is_pool(stage) => self.lose_executor(index, now_ms),
                _ => self.lose(index, now_ms),
            }
        }
        for job in orphaned {
            if self.queue.is_spark(job) {
                self.begin_again(job, now_ms, cluster);
            } else {
                self.lose_tasks_of(job, now_ms, cluster);
            }
            self.queue.master_lost(job);
        }
    }

    /// Loses the tasks of a job, whose master is lost, on the nodes that are left.
    fn lose_tasks_of(&mut self, job: u32, now_ms: i64, cluster: &mut Cluster) {
        for index in self.containers.select(|container| container.job == job) {
            let Container { node, each, .. } = *self.containers.get(index);
            self.lose(index, now_ms);
            cluster.release(node, each, false, now_ms);
            self.room.add(node);
        }
    }

    /// Ends a container unfinished; its task starts again from the beginning.
    fn lose(&mut self, index: u32, now_ms: i64) {
        let Container {
            stage,
            started_ms,
            duration_ms,
            ..
        } = *self.containers.get(index);
        self.remove(index, now_ms);
        self.facts.tasks_rerun += 1;
        self.facts.lost_ms += (now_ms - started_ms).unsigned_abs();
        if stage != NONE {
            self.queue.retry(stage, duration_ms);
        }
    }
}
