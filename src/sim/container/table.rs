//! The containers that run, in a table whose rows are used again.

use crate::sim::cluster::NodeIndex;
use crate::units::Resources;

/// A container, or a task in an executor, that runs; or a free row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Container {
    pub node: NodeIndex,
    pub job: u32,
    /// [`NONE`](super::queue::NONE) for an application master.
    /// For an executor, the row of its resource profile.
    pub stage: u32,
    /// The container of the executor that runs this task; [`NONE`](super::queue::NONE) for what is a
    /// container itself.
    pub executor: u32,
    /// Distinguishes the container from earlier ones in its row.
    pub generation: u32,
    pub each: Resources,
    pub started_ms: i64,
    pub duration_ms: i64,
    pub runs: bool,
}

/// All containers, by index.
#[derive(Debug, Default)]
pub(super) struct Containers {
    rows: Vec<Container>,
    free: Vec<u32>,
}

impl Containers {
    /// Adds a container; returns its index and generation.
    #[inline]
    pub fn add(&mut self, container: Container) -> (u32, u32) {
        let index = self.free.pop().unwrap_or(self.rows.len() as u32);
        if index as usize == self.rows.len() {
            self.rows.push(Container {
                generation: 0,
                ..container
            });
        }
        let row = &mut self.rows[index as usize];
        let generation = row.generation.wrapping_add(1);
        *row = Container {
            generation,
            ..container
        };
        (index, generation)
    }

    /// The container with an index, which may have ended.
    #[inline]
    pub fn get(&self, index: u32) -> &Container {
        &self.rows[index as usize]
    }

    /// Marks a container as ended and its row as free.
    #[inline]
    pub fn remove(&mut self, index: u32) -> &Container {
        let container = &mut self.rows[index as usize];
        container.runs = false;
        self.free.push(index);
        container
    }

    /// The running containers.
    pub fn running(&self) -> impl Iterator<Item = (u32, &Container)> {
        (0..)
            .zip(&self.rows)
            .filter(|(_, container)| container.runs)
    }

    /// The indices of the running containers that `is_selected` accepts.
    pub fn select(&self, is_selected: impl Fn(&Container) -> bool) -> Vec<u32> {
        self.running()
            .filter(|(_, container)| is_selected(container))
            .map(|(index, _)| index)
            .collect()
    }
}
