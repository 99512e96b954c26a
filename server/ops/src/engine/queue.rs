//! What waits for a lane, and what lanes are at.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::lane::Work;
use super::{Running, Task};

/// The tasks of all collections of a job. Lanes take them in the order in which they came.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    /// Rings when there may be something for an idle lane.
    bell: Arc<Notify>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Item>,
    running: Vec<Item>,
}

/// A task, and what it is a task of.
#[derive(Clone)]
pub struct Item {
    pub running: Arc<Running>,
    pub work: Arc<dyn Work>,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        // What is in it is never half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task that a lane can be at.
    pub fn running(&self, task: Task) -> Arc<Running> {
        Arc::new(Running::new(task, Arc::clone(&self.bell)))
    }

    pub fn push(&self, item: Item) {
        self.state().waiting.push_back(item);
        self.bell.notify_one();
    }

    /// What a lane does next: the task that waits longest, else the half of another lane's.
    pub async fn next(&self) -> Item {
        loop {
            let rung = self.bell.notified();
            if let Some(item) = self.try_next() {
                // What was begun may be worth splitting.
                self.bell.notify_one();
                return item;
            }
            rung.await;
        }
    }

    fn try_next(&self) -> Option<Item> {
        let mut state = self.state();
        let item = state.waiting.pop_front().or_else(|| state.half_of_the_largest())?;
        state.running.push(item.clone());
        Some(item)
    }

    /// A lane is done with it.
    pub fn done(&self, item: &Item) {
        self.state().running.retain(|other| !Arc::ptr_eq(&other.running, &item.running));
    }
}

impl State {
    fn half_of_the_largest(&self) -> Option<Item> {
        let mut largest: Vec<_> = self.running.iter().collect();
        largest.sort_by_cached_key(|item| std::cmp::Reverse(item.running.objects_left()));
        largest.into_iter().filter(|item| !item.work.is_stopped()).find_map(|item| {
            let running = Arc::new(item.running.split()?);
            Some(Item { running, work: Arc::clone(&item.work) })
        })
    }
}
