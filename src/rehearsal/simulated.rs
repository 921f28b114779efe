//! Runs the simulated cluster on a thread, in step with a clock.

use std::sync::{Arc, mpsc};
use std::thread;

use tokio::sync::oneshot;

use crate::daemon::clock::Clock;
use crate::sim::SimError;
use crate::sim::run::Run;
use crate::sim::scenario::Scenario;
use crate::sim::stepped_cluster::SteppedCluster;
use crate::sim::trace_work::TraceWork;

/// A handle to the cluster, which ends when the last handle is dropped.
#[derive(Clone)]
pub struct SimulatedCluster {
    messages: mpsc::Sender<Message>,
    clock: Clock,
}

/// The cluster has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the simulated cluster has ended")]
pub struct Ended;

type Question = Box<dyn FnOnce(&mut SteppedCluster<'_>) + Send>;

enum Message {
    Ask(Question),
    End(oneshot::Sender<Run>),
}

impl SimulatedCluster {
    /// Starts the cluster and its work. Its `clock` should show the beginning of the trace.
    ///
    /// # Errors
    /// When there is no work, or some of it fits on no node.
    pub fn start(
        workload: Arc<TraceWork>,
        scenario: Arc<Scenario>,
        seed: u64,
        clock: Clock,
    ) -> Result<Self, SimError> {
        let (messages, inbox) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let of_cluster = clock.clone();
        thread::spawn(move || {
            match SteppedCluster::new(&workload, &scenario, seed) {
                Ok(cluster) => {
                    let _ = ready.send(Ok(()));
                    live(cluster, &inbox, &of_cluster);
                }
                // The caller of `start` waits for this answer.
                Err(error) => drop(ready.send(Err(error))),
            }
        });
        is_ready
            .recv()
            .unwrap_or(Ok(()))
            .map(|()| Self { messages, clock })
    }

    /// The clock of the cluster.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Runs `question` on the cluster at the current time.
    ///
    /// # Errors
    /// When the cluster has ended.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut SteppedCluster<'_>) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        let (answer, answered) = oneshot::channel();
        let ask: Question = Box::new(move |cluster| drop(answer.send(question(cluster))));
        self.messages.send(Message::Ask(ask)).map_err(|_| Ended)?;
        answered.await.map_err(|_| Ended)
    }

    /// Ends the cluster now. Returns what happened on it.
    ///
    /// # Errors
    /// When it has already ended.
    pub async fn end(&self) -> Result<Run, Ended> {
        let (run, ended) = oneshot::channel();
        self.messages.send(Message::End(run)).map_err(|_| Ended)?;
        ended.await.map_err(|_| Ended)
    }
}

/// Answers questions, each after advancing the cluster to the time of the clock.
fn live(mut cluster: SteppedCluster<'_>, inbox: &mpsc::Receiver<Message>, clock: &Clock) {
    while let Ok(message) = inbox.recv() {
        cluster.advance_to(clock.now());
        match message {
            Message::Ask(question) => question(&mut cluster),
            Message::End(run) => return drop(run.send(cluster.finish())),
        }
    }
}
