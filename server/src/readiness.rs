//! Whether new calls had better come here. Nobody's call is refused for it: what cannot be done says so itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use selvedge_archive::Repository;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::Places;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use crate::grpc::Health;
use crate::metrics::Metrics;

/// How often to look whether the repositories are there.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// One that takes longer is not there.
const LONGEST_LOOK: Duration = Duration::from_secs(5);

/// So often in a row before new calls are turned away.
const LOOKS_IN_VAIN: u32 = 3;

/// What is known of it now.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Option<String>>);

/// Looks after it as long as the server runs.
pub struct Lookout {
    readiness: Arc<Readiness>,
    health: Health,
    looking: AbortOnDropHandle<()>,
}

impl Readiness {
    /// Why the server is not ready, as a sentence; None if it is.
    pub fn why_not(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says whether that is a turn.
    fn tell(&self, why_not: Option<String>) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_turn = known.is_some() != why_not.is_some();
        *known = why_not;
        is_turn
    }
}

impl Lookout {
    /// The repositories are there now, or the server would not start.
    pub fn begin(places: &Arc<Places>, metrics: &Arc<Metrics>, health: &Health) -> Self {
        let readiness = Arc::<Readiness>::default();
        for repository in places.repositories() {
            metrics.tell_reachable(repository.name(), true);
        }
        let (told, metrics) = (Arc::clone(&readiness), Arc::clone(metrics));
        let looking = tokio::spawn(keep_up(Arc::clone(places), told, metrics, health.clone()));
        Self { readiness, health: health.clone(), looking: AbortOnDropHandle::new(looking) }
    }

    pub fn readiness(&self) -> &Arc<Readiness> {
        &self.readiness
    }

    /// The server still answers, but is about to stop.
    pub async fn end(self) {
        let Self { readiness, health, looking } = self;
        // It must not take it back.
        looking.abort();
        let _ = looking.await;
        readiness.tell(Some("the server is shutting down".to_owned()));
        health.tell(false).await;
    }
}

async fn keep_up(places: Arc<Places>, readiness: Arc<Readiness>, metrics: Arc<Metrics>, health: Health) {
    let mut looks = Looks::default();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let why_not = looks.look(&places, &metrics).await;
        let is_ready = why_not.is_none();
        if readiness.tell(why_not) {
            health.tell(is_ready).await;
        }
    }
}

#[derive(Debug, Default)]
struct Looks {
    /// Those that were not answered in time. One of a folder that hangs keeps a thread, so there is no second one.
    begun: HashMap<String, JoinHandle<Result<()>>>,
    /// Repositories that could not be used, and since when.
    away: HashMap<String, Instant>,
    /// How often in a row none could be used.
    in_vain: u32,
}

impl Looks {
    /// Says why nothing can be done, if none of the repositories could be used for some looks: a disk that is busy is no reason to
    /// turn anybody away.
    async fn look(&mut self, places: &Places, metrics: &Metrics) -> Option<String> {
        let (mut is_any, mut why_not) = (false, None);
        for repository in places.repositories() {
            let name = repository.name();
            let found = self.check(repository).await;
            metrics.tell_reachable(name, found.is_ok());
            match found {
                Ok(()) => {
                    is_any = true;
                    if let Some(since) = self.away.remove(name) {
                        let seconds = since.elapsed().as_secs_f64();
                        tracing::info!(repository = name, seconds, "the repository can be used again");
                    }
                }
                Err(error) => {
                    if !self.away.contains_key(name) {
                        tracing::warn!(repository = name, %error, next = error.hint_text(), "the repository cannot be used");
                        self.away.insert(name.to_owned(), Instant::now());
                    }
                    why_not = Some(format!("no repository can be used: {error}"));
                }
            }
        }
        self.in_vain = if is_any { 0 } else { self.in_vain.saturating_add(1) };
        why_not.filter(|_| self.in_vain >= LOOKS_IN_VAIN)
    }

    async fn check(&mut self, repository: &Repository) -> Result<()> {
        let name = repository.name();
        let mut look = self.begun.remove(name).unwrap_or_else(|| {
            let repository = repository.clone();
            tokio::spawn(async move { repository.check().await })
        });
        match tokio::time::timeout(LONGEST_LOOK, &mut look).await {
            Ok(found) => {
                found.map_err(|panic| Error::internal("a look at a repository broke off").caused_by(panic))?
            }
            Err(_) => {
                self.begun.insert(name.to_owned(), look);
                let text = format!("repository \"{name}\" does not answer in time");
                Err(Error::new(Kind::RepositoryUnavailable, text)
                    .hint("check that its store can be reached from the server"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use selvedge_archive::RepositoryConfig;

    use super::*;

    #[tokio::test]
    async fn one_repository_that_is_there_is_enough() {
        let repository =
            |name: &str| Repository::open(&RepositoryConfig::new(name, "memory://test")).unwrap();
        let (metrics, mut looks) = (Metrics::default(), Looks::default());
        let there = repository("there");
        there.init().await.unwrap();
        let both = Places::new(Vec::new(), vec![there, repository("gone")]).unwrap();
        for _ in 0..=LOOKS_IN_VAIN {
            assert_eq!(looks.look(&both, &metrics).await, None);
        }
        assert!(looks.away.contains_key("gone") && looks.away.len() == 1);
        let gone = Places::new(Vec::new(), vec![repository("gone")]).unwrap();
        for _ in 1..LOOKS_IN_VAIN {
            assert_eq!(looks.look(&gone, &metrics).await, None, "it may be busy");
        }
        let why_not = looks.look(&gone, &metrics).await.unwrap();
        assert!(why_not.starts_with("no repository can be used: there is no repository"), "{why_not}");
    }
}
