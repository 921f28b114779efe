//! The simulated cluster as something that lives: it has a thread of its own, follows a clock and
//! answers questions.

use std::sync::{Arc, mpsc};
use std::thread;

use tokio::sync::oneshot;

use crate::daemon::clock::Clock;
use crate::sim::SimError;
use crate::sim::run::Run;
use crate::sim::scenario::Scenario;
use crate::sim::stepped::SteppedCluster;
use crate::sim::trace_work::TraceWork;

/// A handle; copies speak to the same cluster. The cluster ends with the last of them.
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
    /// Starts the cluster and its work now. Its clock begins at the start of the work, so that days
    /// and hours are those of the trace, and goes `speed` times as fast as the real one.
    ///
    /// # Errors
    /// When there is no work, or some of it fits none of the nodes.
    pub fn start(
        workload: Arc<TraceWork>,
        scenario: Arc<Scenario>,
        seed: u64,
        speed: u32,
    ) -> Result<Self, SimError> {
        let (messages, inbox) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let clock = Clock::starting_at(workload.start(), speed);
        thread::spawn(move || {
            match SteppedCluster::new(&workload, &scenario, seed) {
                Ok(cluster) => {
                    let _ = ready.send(Ok(()));
                    live(cluster, &inbox, &clock);
                }
                // Whoever starts a cluster waits for this answer.
                Err(error) => drop(ready.send(Err(error))),
            }
        });
        is_ready
            .recv()
            .unwrap_or(Ok(()))
            .map(|()| Self { messages, clock })
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Looks at the cluster, or changes it, as it is now.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut SteppedCluster<'_>) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        let (answer, answered) = oneshot::channel();
        let ask: Question = Box::new(move |cluster| drop(answer.send(question(cluster))));
        self.messages.send(Message::Ask(ask)).map_err(|_| Ended)?;
        answered.await.map_err(|_| Ended)
    }

    /// Ends the cluster now; yields what happened on it.
    ///
    /// # Errors
    /// When it has ended before.
    pub async fn end(&self) -> Result<Run, Ended> {
        let (run, ended) = oneshot::channel();
        self.messages.send(Message::End(run)).map_err(|_| Ended)?;
        ended.await.map_err(|_| Ended)
    }
}

/// Before every answer, time passes that has passed on the clock.
fn live(mut cluster: SteppedCluster<'_>, inbox: &mpsc::Receiver<Message>, clock: &Clock) {
    while let Ok(message) = inbox.recv() {
        cluster.advance_to(clock.now());
        match message {
            Message::Ask(question) => question(&mut cluster),
            Message::End(run) => return drop(run.send(cluster.finish())),
        }
    }
}
