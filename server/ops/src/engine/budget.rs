//! How much memory the objects in flight may take, over all jobs of a process.
//!
//! A lane takes its share before it asks for a page, holds it as long as it has anything of that page (read, encoded, on its way
//! to a store or to Weaviate), and gives it back at the end of its task, or when it has had its turn. It never holds two shares:
//! if it needs a larger one, it hands on all it has and gives the smaller one back first. So however small the budget is,
//! somebody can go on.

use std::sync::Arc;

use selvedge_model::error::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a lane would like to have. Measured (40,000 objects of 768 dimensions): a third more is no faster, and takes 9 MiB
/// more.
const WANTED: usize = 12 << 20;
/// What it can work with, though slowly.
const LEAST: usize = 1 << 20;
/// How often an object is in memory while it is moved: as it comes, as columns, encoded, and on its way.
const COPIES: usize = 4;
/// Shares are counted in this.
const UNIT: usize = 1 << 10;

/// Bytes of objects in flight. Clones share it.
#[derive(Debug, Clone)]
pub struct Budget {
    units: Arc<Semaphore>,
    total: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(64 << 20)
    }
}

/// What a lane may have in flight, until it is dropped.
#[derive(Debug)]
pub struct Share {
    permit: OwnedSemaphorePermit,
    /// How much of it is for what a sink keeps, and not for pages.
    kept: usize,
    is_all: bool,
}

impl Budget {
    pub const SMALLEST: usize = LEAST;

    /// `bytes` below [`Budget::SMALLEST`] are taken for that.
    pub fn new(bytes: usize) -> Self {
        let units = bytes.max(LEAST).div_ceil(UNIT).min(Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Self { units: Arc::new(Semaphore::new(units)), total: units * UNIT }
    }

    /// In bytes.
    pub fn total(&self) -> usize {
        self.total
    }

    /// In bytes.
    pub fn in_use(&self) -> usize {
        self.total.saturating_sub(self.units.available_permits() * UNIT)
    }

    /// As much as a lane would like, or half of what is left, so that there is something for others too. Its sink keeps up to
    /// `kept` bytes of what it was given already.
    pub async fn take(&self, kept: usize) -> Result<Share> {
        let mut share = self.acquire(LEAST, kept).await?;
        let left = self.units.available_permits() * UNIT;
        let more = (WANTED.min(self.total) - LEAST).min(left / 2);
        if let Ok(permit) = Arc::clone(&self.units).try_acquire_many_owned(units(more)) {
            share.permit.merge(permit);
        }
        Ok(share)
    }

    /// A share in which an object of so many bytes has room, or everything there is. Whoever asks must hold none.
    pub async fn take_for(&self, object: usize, kept: usize) -> Result<Share> {
        self.take_whole(object.saturating_mul(COPIES), kept).await
    }

    /// So many bytes, or everything there is. Whoever asks must hold none.
    pub async fn take_whole(&self, bytes: usize, kept: usize) -> Result<Share> {
        let mut share = self.acquire(bytes.max(LEAST), kept).await?;
        share.is_all = share.permit.num_permits() * UNIT == self.total;
        Ok(share)
    }

    /// With a budget in which what is kept has no room, one lane goes on at a time.
    async fn acquire(&self, bytes: usize, kept: usize) -> Result<Share> {
        let all = bytes.saturating_add(kept).min(self.total);
        let permit = Arc::clone(&self.units).acquire_many_owned(units(all)).await;
        let permit = permit.map_err(|closed| Error::internal("no memory to move with").caused_by(closed))?;
        Ok(Share { permit, kept, is_all: false })
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes / UNIT).unwrap_or(u32::MAX)
}

impl Share {
    /// For pages.
    fn bytes(&self) -> usize {
        (self.permit.num_permits() * UNIT).saturating_sub(self.kept).max(LEAST)
    }

    /// What a page may weigh.
    pub fn room(&self) -> usize {
        self.bytes() / COPIES
    }

    /// Whether it is less than a lane would like to have, for want of memory.
    pub fn is_small(&self) -> bool {
        self.bytes() < WANTED / 2
    }

    /// Whether it was taken for an object that needs all there is, and may be larger still.
    pub fn is_all(&self) -> bool {
        self.is_all
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn shares_shrink_when_there_are_many_and_everything_comes_back() {
        let budget = Budget::default();
        let mut shares = Vec::new();
        for _ in 0..7 {
            shares.push(budget.take(0).await.unwrap());
        }
        assert!(!shares[2].is_small() && shares[6].is_small());
        assert!(shares.iter().all(|share| share.room() >= LEAST / COPIES));
        drop(shares);
        let all = budget.take_for(usize::MAX, 0).await.unwrap();
        assert!(all.is_all() && all.room() == budget.total() / COPIES);
        assert_eq!(budget.units.available_permits(), 0);
    }

    #[tokio::test]
    async fn what_sinks_keep_is_a_part_of_it() {
        let (budget, kept) = (Budget::new(16 << 20), 10 << 20);
        let share = budget.take(kept).await.unwrap();
        assert!(share.room() >= LEAST / COPIES && budget.in_use() > kept + LEAST);
        let mut waiting = pin!(budget.take(kept));
        assert!(poll!(&mut waiting).is_pending(), "what two of them keep has no room");
        drop(share);
        assert!(waiting.await.is_ok());
        let small = Budget::new(0).take(kept).await.unwrap();
        assert_eq!(small.room(), LEAST / COPIES);
    }

    #[tokio::test]
    async fn the_smallest_budget_lets_one_go_on_at_a_time() {
        let budget = Budget::new(0);
        let share = budget.take(0).await.unwrap();
        assert!(share.is_small() && !share.is_all());
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { budget.take_for(1 << 30, 0).await.map(|share| share.is_all()) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(share);
        assert!(waiting.await.unwrap().unwrap());
    }
}
