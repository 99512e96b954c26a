//! When to stop.

use std::future::Future;
use std::process::exit;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use selvedge_model::error::{Error, Kind, Result};

/// Ready at the first SIGTERM or SIGINT. The second one ends the process at once, whatever it is in the middle of.
pub fn shutdown_signal() -> Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let (first, is_first) = oneshot::channel();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        let _ = first.send(());
        either(&mut terminate, &mut interrupt).await;
        tracing::error!("second signal: ending at once");
        exit(1);
    });
    Ok(async {
        let _ = is_first.await;
    })
}

fn listen(kind: SignalKind) -> Result<Signal> {
    signal(kind).map_err(|error| Error::new(Kind::Internal, "cannot listen for signals").caused_by(error))
}

async fn either(a: &mut Signal, b: &mut Signal) {
    tokio::select! {
        _ = a.recv() => {}
        _ = b.recv() => {}
    }
}
