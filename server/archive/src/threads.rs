use selvedge_model::error::{Error, Result};

/// Runs CPU work where it does not hold up I/O.
pub async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failure) => Err(Error::internal("work on the repository broke off").caused_by(failure)),
    }
}
