//! Looking after what there is in the repositories.

use std::sync::Arc;
use std::time::Duration;

use super::Metrics;
use selvedge_ops::{Places, Stock};

/// Other servers make and remove backups, too.
const LOOK_EVERY: Duration = Duration::from_secs(5 * 60);
/// Many jobs may end at once.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// Looks at the repositories now, when something has changed, and now and then. Never ends.
pub async fn keep_up(places: Arc<Places>, metrics: Arc<Metrics>) {
    loop {
        for repository in places.repositories() {
            match Stock::of(repository).await {
                Ok(stock) => metrics.tell_stock(repository.name(), stock),
                // Whether it is there is looked after elsewhere, and told there.
                Err(error) => {
                    tracing::debug!(repository = repository.name(), %error, "its backups cannot be counted now");
                }
            }
        }
        tokio::time::sleep(SHORTEST_PAUSE).await;
        // Either way it is time.
        let _ = tokio::time::timeout(LOOK_EVERY, metrics.changed.notified()).await;
    }
}
