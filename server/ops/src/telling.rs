//! What is found out is told as long as somebody listens.

use std::future::Future;

use futures_util::stream::{self, Stream};
use selvedge_model::error::{Error, Kind, Result};
use tokio::sync::mpsc::{Sender, channel};
use tokio_util::task::AbortOnDropHandle;

/// Items that wait for whoever reads them.
const WAITING: usize = 64;

/// Whoever reads the stream.
pub struct Listener<T>(Sender<Result<T>>);

impl<T> Clone for Listener<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Listener<T> {
    pub async fn tell(&self, item: T) -> Result<()> {
        let gone = |_| Error::new(Kind::Cancelled, "nobody wants to know any more");
        self.0.send(Ok(item)).await.map_err(gone)
    }
}

/// Whatever `finding` tells its listener, and an error last if that ends with one. Dropping the stream ends it.
pub fn telling<T, F>(finding: impl FnOnce(Listener<T>) -> F) -> impl Stream<Item = Result<T>> + Send
where
    T: Send + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let (to, mut from) = channel(WAITING);
    let finding = finding(Listener(to.clone()));
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        if let Err(error) = finding.await {
            // Nobody listens to one who hung up.
            let _ = to.send(Err(error)).await;
        }
    }));
    stream::poll_fn(move |context| {
        let _ends_with_this = &task;
        from.poll_recv(context)
    })
}
